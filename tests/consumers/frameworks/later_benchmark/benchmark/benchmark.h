// The memory manager's interface as later versions of Google Benchmark have it: Stop takes a reference, and only that.
#pragma once

#include <cstdint>

namespace benchmark {

class MemoryManager {
 public:
  struct Result {
    std::int64_t num_allocs = 0;
    std::int64_t max_bytes_used = 0;
    std::int64_t total_allocated_bytes = -1;
    std::int64_t net_heap_growth = -1;
    std::int64_t memory_iterations = 0;
  };
  virtual ~MemoryManager() = default;
  virtual void Start() = 0;
  virtual void Stop(Result& result) = 0;
};

}  // namespace benchmark
