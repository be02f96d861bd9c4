#include "record/clock.h"

#include <time.h>

#include <atomic>

#if defined(__x86_64__)
#include <cpuid.h>
#include <x86intrin.h>
#endif

namespace holdfast::record {
namespace {

std::int64_t kernel_now_ns() noexcept {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

#if defined(__x86_64__)
std::int64_t g_base_ns = 0;
std::uint64_t g_base_ticks = 0;
std::uint64_t g_multiplier = 0;  // nanoseconds per tick, times 2^32
std::atomic<bool> g_calibrated{false};

// CPUID 0x80000007 EDX bit 8: the counter runs at one rate in every power state (Intel SDM vol. 3, 18.17.1).
bool invariant_counter() noexcept {
  unsigned a = 0, b = 0, c = 0, d = 0;
  return __get_cpuid(0x80000007u, &a, &b, &c, &d) != 0 && (d & (1u << 8)) != 0;
}
#endif

}  // namespace

void calibrate_clock() noexcept {
#if defined(__x86_64__)
  if (g_calibrated.load(std::memory_order_acquire) || !invariant_counter()) return;
  const std::int64_t start_ns = kernel_now_ns();
  const std::uint64_t start_ticks = __rdtsc();
  std::int64_t end_ns = start_ns;
  while (end_ns - start_ns < 2'000'000) end_ns = kernel_now_ns();
  const std::uint64_t ticks = __rdtsc() - start_ticks;
  if (ticks == 0) return;
  const double ns_per_tick = static_cast<double>(end_ns - start_ns) / static_cast<double>(ticks);
  g_multiplier = static_cast<std::uint64_t>(ns_per_tick * 4294967296.0);
  g_base_ns = start_ns;
  g_base_ticks = start_ticks;
  g_calibrated.store(true, std::memory_order_release);
#endif
}

std::int64_t now_ns() noexcept {
#if defined(__x86_64__)
  if (g_calibrated.load(std::memory_order_acquire)) {
    const auto ticks = static_cast<unsigned __int128>(__rdtsc() - g_base_ticks);
    return g_base_ns + static_cast<std::int64_t>((ticks * g_multiplier) >> 32);
  }
#endif
  return kernel_now_ns();
}

}  // namespace holdfast::record
