#include "record/region.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <set>
#include <vector>

namespace holdfast::record {
namespace {

TEST(SizeClass, HoldsEverySizeWithAThirtySecondToSpare) {
  for (std::size_t size = 0; size <= kLargestSmall; ++size) {
    const int c = size_class(size);
    ASSERT_LT(c, kSizeClasses);
    ASSERT_GE(class_bytes(c), size);
    if (c > 0) ASSERT_LT(class_bytes(c - 1), size);
    ASSERT_LT(class_bytes(c), std::max<std::size_t>(size, 1) + std::max<std::size_t>(16, size / 32 + 1));
  }
}

TEST(SizeClass, OfSamplesAreFew) {
  std::set<int> classes;
  for (std::size_t size = 0; size <= kLargestSmall; ++size) {
    ASSERT_GE(coarse_size(size), size);
    ASSERT_LE(coarse_size(size), std::max<std::size_t>(size + size / 4 + 1, 16));
    classes.insert(size_class(coarse_size(size)));
  }
  EXPECT_EQ(classes.size(), 40u);
}

TEST(SizeClass, KeepsEveryAlignment) {
  for (std::size_t alignment = 16; alignment <= kLargestAlignment; alignment *= 2) {
    for (std::size_t size = 1; size <= kLargestSmall; size += 7) {
      const int c = size_class(size, alignment);
      ASSERT_LT(c, kSizeClasses);
      ASSERT_GE(class_bytes(c), size);
      ASSERT_EQ(class_bytes(c) % alignment, 0u);
    }
  }
}

class ASpan : public testing::TestWithParam<int> {};

TEST_P(ASpan, HandsOutDistinctBlocksThatItFindsAgain) {
  static Region region;
  region.reserve();
  ASSERT_GT(region.size(), 0u);
  Span* span = region.take_span(GetParam(), 3);
  ASSERT_NE(span, nullptr);
  std::set<std::uint32_t> taken;
  while (!span->full()) {
    const std::uint32_t slot = span->take();
    ASSERT_TRUE(taken.insert(slot).second);
    char* block = span->slot_address(slot);
    std::memset(block, 0xab, span->slot_bytes);
    ASSERT_EQ(span->slot_index(reinterpret_cast<std::uintptr_t>(block)), slot);
    ASSERT_EQ(span->slot_index(reinterpret_cast<std::uintptr_t>(block + span->slot_bytes - 1)), slot);
    ASSERT_EQ(region.span_of(reinterpret_cast<std::uintptr_t>(block)), span);
    ASSERT_LE(block + span->slot_bytes, reinterpret_cast<char*>(span->slots));
  }
  EXPECT_EQ(taken.size(), span->slot_count);
  for (const std::uint32_t slot : taken) span->give(slot);
  EXPECT_EQ(span->live, 0u);
  const std::uint32_t again = span->take();
  EXPECT_EQ(taken.count(again), 1u);
  span->give(again);
  region.give_span(span);
  EXPECT_EQ(region.take_span(0, 1), span) << "a span given back is used again";
}

INSTANTIATE_TEST_SUITE_P(OfEveryClass, ASpan, testing::Range(0, kSizeClasses));

}  // namespace
}  // namespace holdfast::record
