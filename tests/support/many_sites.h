// Allocates from 20,000 places: 2,000 functions, each called from ten others under sixteen frames.
#pragma once

#include <array>
#include <cstddef>
#include <cstdlib>
#include <utility>

namespace holdfast::testing {

inline constexpr int kSiteFunctions = 2000;
inline constexpr int kSiteCallers = 10;
inline constexpr int kManySites = kSiteFunctions * kSiteCallers;

using SiteFunction = void* (*)(std::size_t);
using SiteCaller = void* (*)(SiteFunction, std::size_t);

// The empty assembly keeps each call a call, with a return address of its own.
template <int I>
[[gnu::noinline]] void* allocating_function(std::size_t size) {
  void* block = std::malloc(size + I % 7);
  asm volatile("" ::"r"(block) : "memory");
  return block;
}

template <int C>
[[gnu::noinline]] void* calling_function(SiteFunction function, std::size_t size) {
  void* block = function(size);
  asm volatile("" ::"r"(block) : "memory");
  return block;
}

template <int... I>
constexpr std::array<SiteFunction, sizeof...(I)> site_functions(std::integer_sequence<int, I...>) {
  return {allocating_function<I>...};
}
template <int... C>
constexpr std::array<SiteCaller, sizeof...(C)> site_callers(std::integer_sequence<int, C...>) {
  return {calling_function<C>...};
}
inline constexpr auto kSiteFunctionTable = site_functions(std::make_integer_sequence<int, kSiteFunctions>());
inline constexpr auto kSiteCallerTable = site_callers(std::make_integer_sequence<int, kSiteCallers>());

[[gnu::noinline]] inline void* allocate_under(int frames, int site, std::size_t size) {
  void* block = frames == 0
                    ? kSiteCallerTable[static_cast<std::size_t>(site / kSiteFunctions % kSiteCallers)](
                          kSiteFunctionTable[static_cast<std::size_t>(site % kSiteFunctions)], size)
                    : allocate_under(frames - 1, site, size);
  asm volatile("" ::"r"(block) : "memory");
  return block;
}

// At least `size` bytes from the place `site`, 0 to kManySites - 1.
inline void* allocate_at(int site, std::size_t size) { return allocate_under(16, site, size); }

}  // namespace holdfast::testing
