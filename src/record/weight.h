// What one sampled allocation stands for. Pure, any thread, allocation-free.
//
// Poisson byte sampling at mean interval R takes a block of s bytes with p = 1 - exp(-s/R); it then stands for 1/p objects
// and s/p bytes (the Horvitz-Thompson estimator), which is unbiased for each sample and therefore for every sum.
#pragma once

#include <cmath>
#include <cstdint>

namespace holdfast::record {

// R = 1 means exact mode: every allocation counted, each standing for itself.
inline constexpr std::uint64_t kExact = 1;

struct Weight {
  double objects;
  double bytes;
  double variance;  // (1 - p) * bytes^2: this sample's share of the estimate's variance
};

inline Weight weight_of(std::uint64_t size, std::uint64_t interval_bytes) noexcept {
  const auto s = static_cast<double>(size);
  if (interval_bytes <= kExact || size == 0) return {1, s, 0};
  const double p = -std::expm1(-s / static_cast<double>(interval_bytes));
  const double bytes = s / p;
  return {1 / p, bytes, (1 - p) * bytes * bytes};
}

}  // namespace holdfast::record
