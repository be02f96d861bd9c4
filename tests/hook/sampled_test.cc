// Sampling through the real hook: what is told of a heap against what was allocated.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <vector>

#include "hook/recording.h"
#include "hook/slow_path.h"

namespace holdfast::hook {
namespace {

HOLDFAST_TEST_SITE void* take(std::size_t n) {
  void* p = std::malloc(n);
  asm volatile("" : : "r"(p) : "memory");
  return p;
}

class Sampled : public testing::TestWithParam<std::size_t> {};

TEST_P(Sampled, HeapIsTheTruthWithinItsError) {
  const Recording recording(64 * 1024);
  const auto sum = [&] { return through(recording.freeze(), reinterpret_cast<void*>(&take)); };
  const Sum before = sum();
  const std::size_t count = std::max<std::size_t>(64, (std::size_t{48} << 20) / GetParam());
  std::vector<void*> blocks;
  blocks.reserve(count);
  for (std::size_t i = 0; i < count; ++i) blocks.push_back(take(GetParam()));
  const Sum held = sum();
  const double truth = static_cast<double>(count * GetParam());
  const double error = 5 * std::sqrt(std::max(held.variance, 1.0)) + 1;
  EXPECT_NEAR(held.inuse_bytes - before.inuse_bytes, truth, error);
  EXPECT_NEAR(held.alloc_bytes - before.alloc_bytes, truth, error);
  for (void* p : blocks) std::free(p);
  const Sum after = sum();
  EXPECT_NEAR(after.inuse_bytes, before.inuse_bytes, 1);
  EXPECT_EQ(after.freed_samples - before.freed_samples, held.alloc_samples - before.alloc_samples);
}

INSTANTIATE_TEST_SUITE_P(WithBlocksOf, Sampled, testing::Values(16, 200, 4000, 32'768, 32'769, 200'000, 2'000'000),
                         [](const auto& test) { return std::to_string(test.param) + "_bytes"; });

TEST(Sampled, TakesNoSampleOnAQuietThread) {
  const Recording recording(1024);
  const record::QuietScope quiet;
  const Sum before = through(recording.freeze(), reinterpret_cast<void*>(&take));
  for (int i = 0; i < 10'000; ++i) std::free(take(1000));
  const Sum after = through(recording.freeze(), reinterpret_cast<void*>(&take));
  EXPECT_EQ(after.alloc_samples, before.alloc_samples);
}

TEST(Sampled, StopsAndStartsAndChangesItsIntervalAtRunTime) {
  const auto samples_of_16_mib = [](const Recording& recording) {
    const auto count = [&] {
      return through(recording.freeze(), reinterpret_cast<void*>(&take)).alloc_samples;
    };
    const auto before = count();
    for (int i = 0; i < 16 * 1024; ++i) std::free(take(1024));
    return static_cast<double>(count() - before);
  };
  const Recording recording(64 * 1024);
  EXPECT_NEAR(samples_of_16_mib(recording), 256, 90);
  record::g_recorder.stop();
  EXPECT_EQ(samples_of_16_mib(recording), 0);
  ASSERT_TRUE(record::g_recorder.start(4096, 64, behind() == Allocator::glibc));
  EXPECT_NEAR(samples_of_16_mib(recording), 16 * 1024 * (1 - std::exp(-0.25)), 400);
  ASSERT_TRUE(record::g_recorder.start(1 << 20, 64, behind() == Allocator::glibc));
  EXPECT_NEAR(samples_of_16_mib(recording), 16, 16);
}

}  // namespace
}  // namespace holdfast::hook
