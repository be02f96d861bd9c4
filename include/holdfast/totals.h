// How much the program has allocated so far and how much of that is alive: for tests that compare two moments.
#pragma once

#include <cstdint>

namespace holdfast {

struct HeapTotals {
  // Whether these are counts of every allocation since the recording began. False without a session, and when it
  // samples: then all numbers are estimates (or zero), too coarse to tell what one test left behind.
  bool is_exact = false;

  std::int64_t allocations = 0;
  std::int64_t allocated_bytes = 0;
  std::int64_t live_blocks = 0;
  std::int64_t live_bytes = 0;
};

// Sums over all sites, of all threads. What it allocates itself is not counted. Any thread; takes as long as a snapshot:
// milliseconds, more where millions of blocks are alive.
HeapTotals heap_totals() noexcept;

}  // namespace holdfast
