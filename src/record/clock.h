// The recorder's clock: nanoseconds of CLOCK_MONOTONIC, by the time stamp counter where it is invariant (about 8 ns
// instead of 25). noexcept, allocation-free, async-signal-safe, any thread.
#pragma once

#include <cstdint>

#include "base/shared.h"

namespace holdfast::record {

// Measures the time stamp counter against the kernel's clock for about two milliseconds, once; without it now_ns() asks
// the kernel. Exact mode calls it: sampled recording asks the time too rarely to care.
void calibrate_clock() noexcept;

HOLDFAST_SHARED std::int64_t now_ns() noexcept;

}  // namespace holdfast::record
