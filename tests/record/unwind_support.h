// For the unwinder's tests: one stack told twice, by Holdfast and by libgcc's _Unwind_Backtrace, from the
// same frame.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

#include "record/unwind.h"

namespace holdfast::record::testing {

struct StackPair {
  std::vector<std::uintptr_t> ours;
  std::vector<std::uintptr_t> reference;
  bool truncated = false;
};

// Captures the caller's stack both ways, at most 1000 frames. Usable on small stacks and in signal handlers
// of tests.
StackPair capture_pair();

// A leaf for callbacks: `pair` is the StackPair to fill.
void capture_into(void* pair);

// True when both tell the same, to the end; prints what differs.
::testing::AssertionResult agree(const StackPair& pair);

// Captures with Holdfast only, from this very frame.
std::vector<std::uintptr_t> capture_ours(std::uint32_t max, bool& truncated);

}  // namespace holdfast::record::testing
