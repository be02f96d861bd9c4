// What the recorder dropped, folded or put off, by name: for the profile's comments and the endpoint's index.
#pragma once

#include <cstdint>
#include <vector>

#include "record/recorder.h"

namespace holdfast::snapshot {

struct Loss {
  const char* what;
  std::uint64_t count;  // since the process began
};

// Every kind there is, whether it came about or not, always in the same order. Any thread; allocates.
std::vector<Loss> losses(record::Recorder& recorder);

}  // namespace holdfast::snapshot
