// What one malloc/free pair costs. The program knows nothing of Holdfast: run it bare, and preloaded in each
// mode, and compare the ratios (bench/peers does so, interleaved).
#include <benchmark/benchmark.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <vector>

#include "program.h"

namespace {

// Sizes from 16 to 256 bytes in a fixed, shuffled order.
class Sizes {
 public:
  std::uint64_t next_random() {
    state_ = state_ * 6364136223846793005ull + 1442695040888963407ull;
    return state_ >> 40;
  }
  std::size_t next() { return 16 + next_random() % 241; }

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
  state.SetItemsProcessed(state.iterations());
}

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

// 20,000 blocks alive, one of them at random replaced each time: every pair meets cold memory.
void churn_pair(benchmark::State& state) {
  Sizes sizes;
  const auto free_block = [](char* p) { std::free(p); };
  using Block = std::unique_ptr<char, decltype(free_block)>;
  std::vector<Block> blocks;
  for (int i = 0; i < 20'000; ++i)
    blocks.emplace_back(static_cast<char*>(std::malloc(sizes.next())), free_block);
  for (auto _ : state) {
    Block& one = blocks[sizes.next_random() % blocks.size()];
    one.reset(static_cast<char*>(std::malloc(sizes.next())));
    *one = 1;
  }
  state.SetItemsProcessed(state.iterations());
}

BENCHMARK(tight_pair)->ThreadRange(1, 16)->UseRealTime();
BENCHMARK(batch_pair)->ThreadRange(1, 16)->UseRealTime();
BENCHMARK(churn_pair)->ThreadRange(1, 16)->UseRealTime();

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  const bench::ParkedThread parked;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
}
