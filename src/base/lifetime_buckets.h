// Logarithmic buckets of durations, shared by the recorder that fills them and the verdict that reads them.
// Pure and constexpr.
#pragma once

#include <cstdint>

namespace holdfast::base {

// Lifetimes are counted in buckets of 4 per octave of microseconds: bucket 0 is [0, 1 us), bucket 1 + 4*o + q holds
// [2^o * (1 + q/4), 2^o * (1 + (q+1)/4)) us, up to 2^43 us (about 100 days); the last bucket takes the rest.
inline constexpr int kLifetimeOctaves = 43;
inline constexpr int kLifetimeBuckets = 1 + 4 * kLifetimeOctaves;

// Bucket of a lifetime; about 5 instructions, async-signal-safe.
constexpr int lifetime_bucket(std::uint64_t lifetime_ns) noexcept {
  const std::uint64_t us = lifetime_ns / 1000;
  if (us == 0) return 0;
  const int octave = 63 - __builtin_clzll(us);
  if (octave >= kLifetimeOctaves) return kLifetimeBuckets - 1;
  const int quarter = octave >= 2 ? static_cast<int>((us >> (octave - 2)) & 3)
                                  : static_cast<int>((us << (2 - octave)) & 3);
  return 1 + 4 * octave + quarter;
}

// First nanosecond that falls into `bucket`.
constexpr std::int64_t lifetime_bucket_start_ns(int bucket) noexcept {
  if (bucket <= 0) return 0;
  const int octave = (bucket - 1) / 4;
  const int quarter = (bucket - 1) % 4;
  // 2^o * (1 + q/4) us, exact in integers: 1000 * 2^o * (4 + q) / 4 ns; rounded up to the first whole microsecond
  // where the octave is shorter than four microseconds.
  const std::int64_t quarter_us = (std::int64_t{4} + quarter) << octave;  // in quarters of a microsecond
  return 1000 * ((quarter_us + 3) / 4);
}

}  // namespace holdfast::base
