// Calls the manager as a later version's runner does.
#include <holdfast/benchmark.h>
#include <holdfast/holdfast.h>

#include <cstdio>
#include <memory>
#include <vector>

int main() {
  std::vector<std::unique_ptr<char[]>> kept;
  kept.reserve(100);
  const auto heap = holdfast::Session::open({.exact = true});
  if (!heap) return 2;
  holdfast::HeapManager manager;
  benchmark::MemoryManager& seen = manager;
  seen.Start();
  for (int i = 0; i < 10; ++i) kept.push_back(std::make_unique<char[]>(1024));
  benchmark::MemoryManager::Result result;
  seen.Stop(result);
  std::printf("%lld allocations, %lld bytes kept\n", static_cast<long long>(result.num_allocs),
              static_cast<long long>(result.net_heap_growth));
  return result.num_allocs == 10 && result.net_heap_growth == 10 * 1024 ? 0 : 1;
}
