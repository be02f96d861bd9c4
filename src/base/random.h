// Random numbers for sampling: small, fast, seeded per thread; not for secrets. Allocation-free, one owner thread.
#pragma once

#include <cmath>
#include <cstdint>

namespace holdfast::base {

// SplitMix64 (Steele, Lea, Flood 2014): every seed is good, 64 bits of state.
class Random {
 public:
  constexpr explicit Random(std::uint64_t seed) noexcept : state_(seed) {}

  constexpr std::uint64_t next() noexcept {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15ull);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
  }

  // Exponentially distributed with the given mean, rounded up to a whole number of at least 1: the bytes until the next
  // sample, so that a block of s bytes is sampled with probability 1 - exp(-s / mean) exactly.
  std::uint64_t next_exponential(double mean) noexcept {
    const double uniform = (static_cast<double>(next() >> 11) + 0.5) * 0x1.0p-53;  // in (0, 1)
    return static_cast<std::uint64_t>(-std::log(uniform) * mean) + 1;
  }

  constexpr std::uint64_t state() const noexcept { return state_; }

 private:
  std::uint64_t state_;
};

// Mixes 64 bits into 64 well-spread bits (the finaliser of SplitMix64).
constexpr std::uint64_t mix(std::uint64_t x) noexcept {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
  return x ^ (x >> 31);
}

}  // namespace holdfast::base
