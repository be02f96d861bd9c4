// The measurements behind a verdict: what became of a site's objects by age, and how many it kept by halves
// of the work. Called by judge.cc; pure, any thread. Times are nanoseconds since recording began.
// docs/reading_a_verdict.md has the rule and the reasons for its numbers.
#pragma once

#include <cstdint>
#include <optional>

#include "diagnose/policy.h"
#include "diagnose/site.h"
#include "diagnose/work_curve.h"

namespace holdfast::diagnose {

inline constexpr double kLeastFade = 1.0 / 3;
inline constexpr double kLeastSamples = 5;

// What follows for all sites from when a profile was taken. `uptime_ns` must be positive.
struct Timeline {
  Timeline(const profile::HeapHistory& history, const Policy& policy);

  // The same, with another moment as now.
  Timeline as_of(double now_ns) const;
  bool rests() const { return uptime_ns < snapshot_ns; }

  double snapshot_ns;  // the recording's age at the snapshot
  double uptime_ns;    // what counts as now: the snapshot, or the end of the work before a long idle stretch
  double warm_up_ns;   // what was born before it is a start, not a trend
  double until_ns;     // recording was on until then: the snapshot, unless it had been stopped
  double horizon_ns;   // b: the largest bucket edge not beyond half the uptime
  int horizon_bucket;  // the bucket that starts there
  WorkCurve counted;   // in the program's unit, for rates
  WorkCurve pace;      // for halves
  double old_enough_ns;  // youngest birth that counts as a survivor's: of age b/4 at the snapshot
  double middle_ns;      // splits the work between warm-up and there into halves
  double younger_hours;  // length of the younger half, in hours at the profile's mean pace

 private:
  void set_now(double now_ns);

  double recorded_from_ns_, recorded_until_ns_;  // at one interval
  std::optional<double> given_warm_up_ns_;
};

// What became of the objects that reached age a, by age b.
struct Horizon {
  double age_a_ns = 0;
  int doublings = 0;     // from a to b
  double reached = 0;    // n
  double died = 0;       // d: freed between a and b
  double censored = 0;   // c: alive, not yet of age b
  double died_ever = 0;  // freed at age a or later

  // P(as few deaths as seen, if of the objects of any age a share `survival` lived to twice that age).
  double p_survive(double survival) const;
};

Horizon horizon_of(const Site& site, const Timeline& timeline, int doublings);

// Live samples of age b/4 or more that were born after the warm-up.
struct Survivors {
  double older = 0, younger = 0;  // samples, by halves of the work
  double bytes = 0, bytes_squared = 0;
  double largest_weight = 0;  // bytes that one sample stands for; of cohorts, their mean

  double samples() const { return older + younger; }
  // Kept of the younger half / kept of the older half.
  double fade() const { return older > 0 ? younger / older : younger; }
};

// A site may go on while the program rests, and keep new objects at a third of the pace of before or faster:
// the moment until which it did. `timeline` is one that rests.
std::optional<double> goes_on_until(const Site& site, const Timeline& timeline);

Survivors survivors_of(const Site& site, const Timeline& timeline);

// P(that many survivors of the younger half, or more, if the site kept just the budget).
double p_birth(const Survivors& survivors, const Timeline& timeline, double budget_bytes_per_hour);

// Ages at which freed objects were freed, as starts of their buckets; nothing was freed: none.
std::optional<double> median_lifetime_ns(const Site& site);
std::optional<double> longest_lifetime_ns(const Site& site);

// One buffer that keeps growing, which the tests above see as a single young object: to four times its size
// since the warm-up, the last step in the second half of the work, and it is still there.
bool grows_like_a_container(const Site& site, const Timeline& timeline);

}  // namespace holdfast::diagnose
