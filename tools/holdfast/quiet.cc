#include "quiet.h"

#include <algorithm>
#include <cmath>
#include <thread>
#include <utility>

namespace holdfast::tool {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kFirstPause{50};
constexpr milliseconds kLongestPause{1000};
constexpr int kSteadyPauses = 2;
// What timers and logs of an idle server may move.
constexpr double kNoiseBytes = 4096;
constexpr double kNoiseShare = 0.0005;

}  // namespace

double in_use_bytes(const profile::Profile& profile) {
  const int index = profile::value_index(profile, "inuse_space");
  double sum = 0;
  if (index < 0) return sum;
  for (const profile::Sample& sample : profile.samples)
    sum += static_cast<double>(sample.values[static_cast<std::size_t>(index)]);
  return sum;
}

Result<Rest> wait_until_quiet(Target& target, milliseconds longest) {
  const auto deadline = Clock::now() + longest;
  Rest rest;
  milliseconds pause = kFirstPause;
  auto threads = target.threads();
  for (int steady = -1;;) {
    auto snapshot = target.snapshot();
    if (!snapshot) return snapshot.error();
    const double bytes = in_use_bytes(*snapshot);
    const auto threads_now = target.threads();
    const bool is_steady =
        std::abs(bytes - rest.in_use_bytes) <= std::max(kNoiseBytes, kNoiseShare * bytes) &&
        threads_now == threads;
    steady = steady < 0 || !is_steady ? 0 : steady + 1;
    rest.snapshot = std::move(*snapshot);
    rest.in_use_bytes = bytes;
    threads = threads_now;
    rest.is_quiet = steady >= kSteadyPauses;
    if (rest.is_quiet || Clock::now() >= deadline) return rest;
    std::this_thread::sleep_for(pause);
    pause = is_steady ? pause : std::min(2 * pause, kLongestPause);
  }
}

}  // namespace holdfast::tool
