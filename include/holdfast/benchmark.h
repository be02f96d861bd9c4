// Holdfast in Google Benchmark: allocations, allocated bytes and growth of each benchmark in its reports. Header-only;
// link holdfast::holdfast and Google Benchmark.
//
//     int main(int argc, char** argv) {
//       auto heap = holdfast::Session::open({.exact = true});
//       holdfast::HeapManager manager;
//       benchmark::RegisterMemoryManager(&manager);
//       benchmark::Initialize(&argc, argv);
//       benchmark::RunSpecifiedBenchmarks();
//       benchmark::RegisterMemoryManager(nullptr);
//     }
//
// The runner measures memory in a run of its own, of at most 16 iterations: report the numbers, do not gate on them.
#pragma once

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdint>

#include <holdfast/totals.h>

namespace holdfast {

// For the runner's thread. Without an exact session it reports nothing but zeros.
class HeapManager : public benchmark::MemoryManager {
 public:
  void Start() { before_ = heap_totals(); }

  // Version 1.7 calls the first, later ones know only the second. Neither is marked `override`, as one of them may be
  // none.
  void Stop(Result* result) { fill(*result); }
  void Stop(Result& result) { fill(result); }

 private:
  void fill(Result& result) const {
    const HeapTotals after = heap_totals();
    if (!before_.is_exact || !after.is_exact) return;
    const std::int64_t growth = after.live_bytes - before_.live_bytes;
    result.num_allocs = after.allocations - before_.allocations;
    result.total_allocated_bytes = after.allocated_bytes - before_.allocated_bytes;
    result.net_heap_growth = growth;
    // No peak is kept: at least this much was in use at once.
    result.max_bytes_used = std::max<std::int64_t>(0, growth);
  }

  HeapTotals before_;
};

}  // namespace holdfast
