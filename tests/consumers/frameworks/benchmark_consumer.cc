// A benchmark that keeps a known amount per iteration.
#include <benchmark/benchmark.h>
#include <holdfast/benchmark.h>
#include <holdfast/holdfast.h>

#include <memory>
#include <vector>

namespace {

std::vector<std::unique_ptr<char[]>> kept;

void keep_a_kilobyte(benchmark::State& state) {
  for (auto _ : state) kept.push_back(std::make_unique<char[]>(1024));
}
BENCHMARK(keep_a_kilobyte)->Iterations(10);

}  // namespace

int main(int argc, char** argv) {
  kept.reserve(1000);
  const auto heap = holdfast::Session::open({.exact = true});
  if (!heap) return 2;
  holdfast::HeapManager manager;
  benchmark::RegisterMemoryManager(&manager);
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  benchmark::RegisterMemoryManager(nullptr);
}
