// Frames of many kinds. unwind_corpus.cc is compiled once for each set of compiler flags, as a namespace of
// its own.
#pragma once

#include <span>

namespace unwind_corpus {

using Leaf = void (*)(void*);

struct Kind {
  const char* name;
  int (*run)(Leaf leaf,
             void* argument);  // calls leaf(argument) from the middle of such frames, at least once
};

#define HOLDFAST_CORPUS(variant) \
  namespace variant {            \
  std::span<const Kind> kinds(); \
  }
HOLDFAST_CORPUS(unoptimised)
HOLDFAST_CORPUS(optimised)
HOLDFAST_CORPUS(small)
HOLDFAST_CORPUS(with_frame_pointers)
HOLDFAST_CORPUS(with_avx)
#undef HOLDFAST_CORPUS

}  // namespace unwind_corpus
