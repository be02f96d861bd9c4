// The sampler's estimates against the truth.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <vector>

#include "base/random.h"
#include "record/recorder.h"

namespace holdfast::record {
namespace {

constexpr std::uint64_t kInterval = 512 * 1024;

struct Estimate {
  double objects = 0;
  double bytes = 0;
};

// What the hook does for `count` allocations of `size` bytes, the fast path's subtractions done in one step.
Estimate sample_stream(Recorder& recorder, std::uint64_t size, std::uint64_t count) {
  Estimate estimate;
  std::uint64_t countdown = 0;
  while (count > 0) {
    const std::uint64_t fast = countdown == 0 ? 0 : std::min(count, (countdown - 1) / size);
    countdown -= fast * size;
    count -= fast;
    if (count == 0) break;
    const Decision decision = recorder.decide(size, countdown);
    countdown = decision.next_countdown;
    --count;
    if (!decision.sample) continue;
    const Weight w = weight_of(size, recorder.interval_of(decision.interval_id));
    estimate.objects += w.objects;
    estimate.bytes += w.bytes;
  }
  return estimate;
}

class SampledEstimate : public testing::TestWithParam<std::uint64_t> {
 protected:
  void SetUp() override { ASSERT_TRUE(g_recorder.start(kInterval, 64, true)); }
  void TearDown() override { g_recorder.stop(); }
};

TEST_P(SampledEstimate, IsUnbiasedOverAThousandSeeds) {
  const std::uint64_t size = GetParam();
  constexpr int kSeeds = 1000;
  const std::uint64_t count = std::max<std::uint64_t>(32, (std::uint64_t{32} << 20) / size);
  double objects = 0;
  double bytes = 0;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    t_state.random = base::mix(seed * 0x9e3779b97f4a7c15ull);
    const Estimate e = sample_stream(g_recorder, size, count);
    objects += e.objects;
    bytes += e.bytes;
  }
  const double truth = static_cast<double>(count) * kSeeds;
  EXPECT_NEAR(objects / truth, 1.0, 0.02);
  EXPECT_NEAR(bytes / (truth * static_cast<double>(size)), 1.0, 0.02);
}

INSTANTIATE_TEST_SUITE_P(OfBlocksOf, SampledEstimate,
                         testing::Values(16, 100, 1024, 10'000, 65'536, 300'000, 524'288, 1 << 20, 4 << 20, 16 << 20),
                         [](const auto& test) { return std::to_string(test.param) + "_bytes"; });

TEST(SampledEstimate, OfMixedSizesIsUnbiasedAndItsVarianceIsToldTruly) {
  ASSERT_TRUE(g_recorder.start(kInterval, 64, true));
  const std::vector<std::uint64_t> sizes = {16, 48, 200, 1500, 20'000, 70'000, 900'000, 3'000'000};
  constexpr int kSeeds = 1000;
  constexpr int kRounds = 40;
  double truth = 0;
  for (const std::uint64_t size : sizes) truth += static_cast<double>(size) * kRounds;
  double sum = 0, sum_of_squares = 0, told_variance = 0;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    t_state.random = base::mix(seed * 0xd1342543de82ef95ull);
    std::uint64_t countdown = 0;
    double bytes = 0;
    for (int round = 0; round < kRounds; ++round) {
      for (const std::uint64_t size : sizes) {
        if (size < countdown) {
          countdown -= size;
          continue;
        }
        const Decision decision = g_recorder.decide(size, countdown);
        countdown = decision.next_countdown;
        if (!decision.sample) continue;
        const Weight w = weight_of(size, kInterval);
        bytes += w.bytes;
        told_variance += w.variance;
      }
    }
    sum += bytes;
    sum_of_squares += bytes * bytes;
  }
  g_recorder.stop();
  const double mean = sum / kSeeds;
  const double variance = sum_of_squares / kSeeds - mean * mean;
  EXPECT_NEAR(mean / truth, 1.0, 0.02);
  EXPECT_NEAR(told_variance / kSeeds / variance, 1.0, 0.15);
}

TEST(Weight, OfAnExactRecordingIsTheBlockItself) {
  const Weight w = weight_of(1234, kExact);
  EXPECT_EQ(w.objects, 1);
  EXPECT_EQ(w.bytes, 1234);
  EXPECT_EQ(w.variance, 0);
}

TEST(Decision, AfterAChangeOfIntervalDrawsAnew) {
  ASSERT_TRUE(g_recorder.start(kInterval, 64, true));
  (void)g_recorder.decide(1, 0);
  ASSERT_TRUE(g_recorder.start(4096, 64, true));
  const Decision decision = g_recorder.decide(1, std::uint64_t{1} << 50);
  EXPECT_EQ(g_recorder.interval_of(decision.interval_id), 4096u);
  EXPECT_LT(decision.next_countdown, 4096u * 64);
  g_recorder.stop();
  EXPECT_FALSE(g_recorder.decide(1 << 30, 5).sample);
}

}  // namespace
}  // namespace holdfast::record
