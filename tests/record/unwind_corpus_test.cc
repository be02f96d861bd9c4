// The unwinder against libgcc's on frames of many kinds, compiled in many ways.
#include "record/unwind_corpus.h"

#include <gtest/gtest.h>

#include <algorithm>

#include <string>
#include <vector>

#include "record/unwind_support.h"

namespace holdfast::record::testing {
namespace {

struct Compiled {
  const char* flags;
  unwind_corpus::Kind kind;
};

std::vector<Compiled> corpus() {
  std::vector<Compiled> all;
  const auto add = [&all](const char* flags, std::span<const unwind_corpus::Kind> kinds) {
    for (const auto& kind : kinds) all.push_back({flags, kind});
  };
  add("Unoptimised", unwind_corpus::unoptimised::kinds());
  add("Optimised", unwind_corpus::optimised::kinds());
  add("Small", unwind_corpus::small::kinds());
  add("WithFramePointers", unwind_corpus::with_frame_pointers::kinds());
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2")) add("WithAvx", unwind_corpus::with_avx::kinds());
#endif
  return all;
}

struct Tally {
  StackPair worst;
  int stacks = 0;
  int wrong = 0;
};

void tally(void* argument) {
  auto& result = *static_cast<Tally*>(argument);
  StackPair pair = capture_pair();
  ++result.stacks;
  if (agree(pair)) return;
  ++result.wrong;
  result.worst = std::move(pair);
}

class UnwindingEachKindOfFrame : public ::testing::TestWithParam<Compiled> {};

TEST_P(UnwindingEachKindOfFrame, TellsTheSameStackAsLibgcc) {
  ASSERT_EQ(current_unwinder(), Unwinder::eh_frame);
  for (const bool forget : {true, false}) {  // from cold rows, then from warm ones
    if (forget) forget_unwind_rows();
    Tally result;
    GetParam().kind.run(tally, &result);
    EXPECT_GE(result.stacks, 1);
    EXPECT_EQ(result.wrong, 0) << agree(result.worst).message();
  }
}

INSTANTIATE_TEST_SUITE_P(Corpus, UnwindingEachKindOfFrame, ::testing::ValuesIn(corpus()),
                         [](const auto& compiled) {
                           return std::string(compiled.param.flags) + compiled.param.kind.name;
                         });

TEST(UnwindingDeepStacks, KeepsTheLeafMostFramesAndSaysThatItCut) {
  struct Cut {
    std::vector<std::uintptr_t> pcs;
    bool truncated = false;
  } cut;
  StackPair whole;
  const auto recursion = unwind_corpus::optimised::kinds()[8];
  ASSERT_STREQ(recursion.name, "Recursion");
  recursion.run(capture_into, &whole);
  ASSERT_TRUE(agree(whole));
  recursion.run(
      [](void* into) {
        auto& here = *static_cast<Cut*>(into);
        here.pcs = capture_ours(40, here.truncated);
      },
      &cut);
  EXPECT_TRUE(cut.truncated);
  ASSERT_EQ(cut.pcs.size(), 40u);
  // The innermost frames differ by call site and by what was inlined; above them lies the same recursion.
  const auto mine = std::ranges::find(cut.pcs, cut.pcs.back());
  const auto theirs = std::ranges::find(whole.ours, cut.pcs.back());
  EXPECT_GT(cut.pcs.end() - mine, 30);
  ASSERT_GE(whole.ours.end() - theirs, cut.pcs.end() - mine);
  EXPECT_TRUE(std::equal(mine, cut.pcs.end(), theirs));
}

TEST(UnwindingDeepStacks, IsNotTruncatedWhenTheStackJustFits) {
  bool truncated = true;
  const auto full = capture_ours(1000, truncated);
  ASSERT_FALSE(truncated);
  const auto depth = static_cast<std::uint32_t>(full.size());
  EXPECT_EQ(capture_ours(depth, truncated).size(), depth);
  EXPECT_FALSE(truncated);
  EXPECT_EQ(capture_ours(depth - 1, truncated).size(), depth - 1);
  EXPECT_TRUE(truncated);
  EXPECT_TRUE(capture_ours(0, truncated).empty());
  EXPECT_TRUE(truncated);
}

}  // namespace
}  // namespace holdfast::record::testing
