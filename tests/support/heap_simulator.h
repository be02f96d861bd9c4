// Simulates what a recorder would have sampled of a server's sites whose truth is known, for tests that ask
// how often a verdict is wrong. Only sampled allocations are simulated: a site is a Poisson process of
// samples.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "base/random.h"
#include "support/snapshot_builder.h"

namespace holdfast::testing {

// Normal sites that a simple rule may take for leaks. The friendly ones settle soon; the hard ones do not.
enum class Mix { friendly, hard };

class HeapSimulator {
 public:
  HeapSimulator(double uptime_seconds, std::uint64_t interval, std::uint64_t seed)
      : uptime_(uptime_seconds), interval_(interval), random_(seed) {}

  // One normal site of the mix; `kind` picks the story.
  std::vector<Life> normal_site(Mix mix, int kind);

  // A site that keeps `bytes_per_hour` for ever, in blocks of 256 bytes.
  std::vector<Life> leak(double bytes_per_hour);

  // A process of 200 normal sites "normal_0".. and one of 20 MB/h, "the_leak".
  SnapshotBuilder process(Mix mix);

  double uniform(double from, double to);

 private:
  using OverTime = std::function<double(double second)>;

  std::vector<Life> friendly(int kind);
  std::vector<Life> hard(int kind);
  // Births at `rate(t)` samples a second, at most `most`, each living `lifetime(t)`.
  std::vector<Life> births(double most, const OverTime& rate, const OverTime& lifetime);
  double log_uniform(double from, double to);
  double exponential(double mean);
  double normal();

  double uptime_;
  std::uint64_t interval_;
  base::Random random_;
};

}  // namespace holdfast::testing
