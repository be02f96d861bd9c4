// What one malloc/free pair costs. The program knows nothing of Holdfast: run it bare, and under `holdfast run` in each
// mode, and compare the ratios (bench/pairs does so, interleaved).
#include <benchmark/benchmark.h>

#include <array>
#include <cstdint>
#include <cstdlib>

namespace {

// Sizes from 16 to 256 bytes in a fixed, shuffled order.
class Sizes {
 public:
  std::size_t next() {
    state_ = state_ * 6364136223846793005ull + 1442695040888963407ull;
    return 16 + (state_ >> 40) % 241;
  }

 private:
  std::uint64_t state_ = 1;
};

void tight_pair(benchmark::State& state) {
  Sizes sizes;
  for (auto _ : state) {
    void* p = std::malloc(sizes.next());
    benchmark::DoNotOptimize(p);
    std::free(p);
  }
}
BENCHMARK(tight_pair)->Threads(1)->Threads(2);

// 256 blocks alive at a time, freed in another order than allocated.
void batch_pair(benchmark::State& state) {
  Sizes sizes;
  std::array<void*, 256> blocks{};
  for (auto _ : state) {
    for (void*& p : blocks) p = std::malloc(sizes.next());
    benchmark::DoNotOptimize(blocks.data());
    for (std::size_t i = 0; i < blocks.size(); ++i) std::free(blocks[(i * 101) % blocks.size()]);
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(blocks.size()));
}
BENCHMARK(batch_pair)->Threads(1)->Threads(2);

}  // namespace

BENCHMARK_MAIN();
