#include "diagnose/interval.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>

#include "base/random.h"

namespace holdfast::diagnose {
namespace {

double uniform(base::Random& random) { return (static_cast<double>(random.next() >> 11) + 0.5) * 0x1.0p-53; }

int poisson(base::Random& random, double mean) {
  int n = 0;
  for (double t = -std::log(uniform(random)); t < mean; t -= std::log(uniform(random))) ++n;
  return n;
}

// Share of runs whose interval holds the true mean, when `mean` blocks of `size`, every fourth `spread` times
// as large, are expected and sampled at `interval`.
double coverage(double mean, double size, double spread, double interval, std::uint64_t seed) {
  base::Random random(seed);
  constexpr int kRuns = 4000;
  const double truth = mean * 0.75 * size + mean * 0.25 * spread * size;
  int inside = 0;
  for (int run = 0; run < kRuns; ++run) {
    double sum = 0, squares = 0, next_weight = interval;
    for (const auto& [share, s] : {std::pair(0.75, size), std::pair(0.25, spread * size)}) {
      const double p = interval <= 1 ? 1 : -std::expm1(-s / interval);
      const int n = poisson(random, mean * share * p);
      sum += n * s / p;
      squares += n * (s / p) * (s / p);
      if (n > 0) next_weight = std::max(next_weight, s / p);
    }
    const Interval i = gamma_interval(sum, squares, next_weight);
    inside += i.lower <= truth && truth <= i.upper;
  }
  return static_cast<double>(inside) / kRuns;
}

TEST(GammaInterval, HoldsTheTruthInNineteenRunsOfTwenty) {
  constexpr double kInterval = 65536;
  for (const double samples : {2.0, 5.0, 10.0, 40.0, 300.0}) {
    for (const double size : {64.0, 1000.0, 4096.0}) {
      EXPECT_GE(coverage(samples * kInterval / (size * 4.75), size, 16, kInterval, 11), 0.94)
          << samples << " samples of " << size;
    }
    if (samples < 5) continue;  // with no block seen, nothing tells of their size
    for (const double size : {65536.0, 1e6, 64e6}) {
      EXPECT_GE(coverage(samples, size, 1, kInterval, 12), 0.94) << samples << " blocks of " << size;
    }
  }
}

TEST(GammaInterval, HoldsTheTruthWhereEveryAllocationIsCounted) {
  EXPECT_GE(coverage(5, 1000, 1, 1, 6), 0.94);
  EXPECT_GE(coverage(40, 1000, 16, 1, 7), 0.94);
}

TEST(GammaInterval, IsThatOfGarwoodForEqualBlocks) {
  // 10 events: [4.795, 18.39] (Garwood 1936).
  const Interval i = gamma_interval(10, 10, 1);
  EXPECT_NEAR(i.lower, 4.795, 0.001);
  EXPECT_NEAR(i.upper, 18.390, 0.001);
}

TEST(GammaInterval, OfNothingSeenReachesUpToTheFloor) {
  const Interval i = gamma_interval(0, 0, 512 * 1024);
  EXPECT_EQ(i.lower, 0);
  EXPECT_NEAR(i.upper / (512 * 1024), 3.689, 0.001);
}

TEST(GammaInterval, DoesNotJumpWhereTheFormulaChanges) {
  const double n = 0.5e6;
  const Interval below = gamma_interval(n - 1, n - 1, 1), above = gamma_interval(n + 1, n + 1, 1);
  EXPECT_NEAR(below.lower, above.lower, 3);
  EXPECT_NEAR(below.upper, above.upper, 3);
}

TEST(SamplingInterval, IsThePointItselfWhenEveryAllocationIsCounted) {
  EXPECT_EQ(sampling_interval(1234, 0, 1), (Interval{1234, 1234}));
}

TEST(DifferenceInterval, HoldsTheDifferenceAndItsSign) {
  const Interval i = difference_interval(100, {80, 120}, 30, {20, 45});
  EXPECT_LT(i.lower, 70);
  EXPECT_GT(i.upper, 70);
  EXPECT_NEAR(i.lower, 70 - std::hypot(20, 15), 1e-9);
  EXPECT_NEAR(i.upper, 70 + std::hypot(20, 10), 1e-9);
}

TEST(BinomialTail, IsThatOfTheTables) {
  EXPECT_NEAR(binomial_at_most(0, 17, 0.2775), std::pow(0.7225, 17), 1e-12);
  EXPECT_NEAR(binomial_at_most(5, 10, 0.5), 0.623046875, 1e-12);
  EXPECT_EQ(binomial_at_most(3, 0, 0.5), 1);
  EXPECT_EQ(binomial_at_most(10, 10, 0.5), 1);
  EXPECT_EQ(binomial_at_most(-1, 10, 0.5), 0);
}

TEST(BinomialTail, OfTenMillionTrialsIsRightAndFast) {
  const auto start = std::chrono::steady_clock::now();
  double sum = 0;
  for (int i = 0; i < 1000; ++i) {
    const double n = 1e7 + i, q = 0.2775, sd = std::sqrt(n * q * (1 - q));
    const double half = binomial_at_most(n * q, n, q);
    EXPECT_NEAR(half, 0.5, 0.001);
    EXPECT_NEAR(binomial_at_most(n * q - 2.3263 * sd, n, q), 0.01, 0.0005);
    sum += half + binomial_at_most(0, n, q);
  }
  EXPECT_GT(sum, 0);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
}

TEST(BinomialTail, DoesNotJumpWhereTheFormulaChanges) {
  const double q = 0.2775, n = 1e6 / (q * (1 - q));
  const double d = n * q - 2 * std::sqrt(n * q * (1 - q));
  EXPECT_NEAR(binomial_at_most(d, n - 10, q), binomial_at_most(d, n + 10, q), 1e-3);
}

TEST(PoissonTail, IsThatOfTheTables) {
  EXPECT_EQ(poisson_at_least(0, 3), 1);
  EXPECT_EQ(poisson_at_least(1, 0), 0);
  EXPECT_NEAR(poisson_at_least(1, 0.01), 1 - std::exp(-0.01), 1e-12);
  EXPECT_NEAR(poisson_at_least(5, 2), 0.052653, 1e-6);
  EXPECT_NEAR(poisson_at_least(2e7, 2e7), 0.5, 0.001);
}

TEST(Tails, NeverGiveWhatIsNoNumber) {
  const double odd[] = {0, 1, -1, 1e300, -1e300, std::numeric_limits<double>::infinity(), std::nan("")};
  for (const double a : odd) {
    for (const double b : odd) {
      for (const double c : odd) {
        const Interval i = gamma_interval(a, b, c), s = sampling_interval(a, b, c);
        EXPECT_FALSE(std::isnan(i.lower) || std::isnan(i.upper) || std::isnan(s.lower) ||
                     std::isnan(s.upper));
        EXPECT_FALSE(std::isnan(binomial_at_most(a, b, 0.3)));
        EXPECT_FALSE(std::isnan(poisson_at_least(a, b)));
      }
    }
  }
}

}  // namespace
}  // namespace holdfast::diagnose
