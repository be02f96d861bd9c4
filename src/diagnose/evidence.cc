#include "diagnose/evidence.h"

#include <algorithm>
#include <cmath>

#include "diagnose/interval.h"

namespace holdfast::diagnose {
namespace {

constexpr double kNsPerSecond = 1e9;
constexpr double kNsPerHour = 3600e9;
constexpr double kWarmUpShare = 0.1;
constexpr double kLongestWarmUpNs = 900 * kNsPerSecond;

// By any factor: std::string and std::vector double, an arena's blocks grow by half. Not quite 4, as a string
// that doubles has a byte more each time: 65,537, then 131,073.
constexpr double kTwoDoublings = 3.9;

// A buffer of some pages that doubles matters to nobody.
constexpr double kSmallestContainer = 64 * 1024;

// Samples taken at one interval are counted together; after a change the counting starts again.
struct Recorded {
  double from_ns = 0;
  double until_ns = 0;
};

Recorded recorded_at_one_interval(const profile::HeapHistory& history, double uptime_ns) {
  Recorded recorded{0, uptime_ns};
  std::uint64_t interval = 0;
  for (const profile::IntervalChange& change : history.intervals) {
    const double time = std::clamp(static_cast<double>(change.time_ns), 0.0, uptime_ns);
    if (change.interval_bytes == interval) continue;
    if (change.interval_bytes == 0) {
      recorded.until_ns = time;
    } else {
      recorded = {time, uptime_ns};
    }
    interval = change.interval_bytes;
  }
  return recorded;
}

// While a program rests nothing dies, and its objects only grow older: ages are told as of the moment when
// its work had (nearly) ended. Only requests are work whose end means rest; bytes allocated also end when a
// program is merely frugal.
constexpr double kNearlyAllWork = 0.98;
constexpr double kLongRest = 0.04;  // of the uptime: the last of the work took twice its share of the time

double end_of_work(const profile::HeapHistory& history, const WorkCurve& counted, double snapshot_ns) {
  if (counted.is_wall_time() || history.work_unit == kBytesAllocated) return snapshot_ns;
  const double end = counted.time_at(kNearlyAllWork * counted.total());
  return end > 0 && snapshot_ns - end > kLongRest * snapshot_ns ? end : snapshot_ns;
}

}  // namespace

Timeline::Timeline(const profile::HeapHistory& history, const Policy& policy)
    : snapshot_ns(static_cast<double>(std::max<std::int64_t>(history.uptime_ns, 1))),
      counted(history),
      pace(WorkCurve::pace(history)) {
  const Recorded recorded = recorded_at_one_interval(history, snapshot_ns);
  recorded_from_ns_ = recorded.from_ns;
  recorded_until_ns_ = recorded.until_ns;
  if (policy.warm_up_seconds) given_warm_up_ns_ = *policy.warm_up_seconds * kNsPerSecond;
  set_now(end_of_work(history, counted, snapshot_ns));
}

Timeline Timeline::as_of(double now_ns) const {
  Timeline timeline = *this;
  timeline.set_now(now_ns);
  return timeline;
}

void Timeline::set_now(double now_ns) {
  uptime_ns = now_ns;
  const double usual = std::min(kWarmUpShare * uptime_ns, kLongestWarmUpNs);
  warm_up_ns = std::max(given_warm_up_ns_.value_or(usual), recorded_from_ns_);
  until_ns = std::min(recorded_until_ns_, uptime_ns);
  horizon_bucket = 0;
  while (horizon_bucket + 1 < profile::kLifetimeBuckets &&
         static_cast<double>(profile::lifetime_bucket_start_ns(horizon_bucket + 1)) <= uptime_ns / 2) {
    ++horizon_bucket;
  }
  horizon_ns = static_cast<double>(profile::lifetime_bucket_start_ns(horizon_bucket));
  old_enough_ns = std::min(uptime_ns - horizon_ns / 4, until_ns);
  const double begin = pace.work_at(warm_up_ns);
  const double end = std::max(begin, pace.work_at(old_enough_ns));
  middle_ns = pace.time_at((begin + end) / 2);
  younger_hours = (end - begin) / 2 / pace.total() * uptime_ns / kNsPerHour;
  // No work in all that time, while the program lived on: only the time itself can be halved.
  if (!(end > begin)) {
    middle_ns = (warm_up_ns + old_enough_ns) / 2;
    younger_hours = std::max(0.0, old_enough_ns - middle_ns) / kNsPerHour;
  }
}

double Horizon::p_survive(double survival) const {
  const double at_risk = std::floor(reached - censored / 2);
  return binomial_at_most(died, at_risk, 1 - std::pow(survival, doublings));
}

Horizon horizon_of(const Site& site, const Timeline& timeline, int doublings) {
  Horizon h;
  h.doublings = doublings;
  const int first = std::max(0, timeline.horizon_bucket - 4 * doublings);
  h.age_a_ns = static_cast<double>(profile::lifetime_bucket_start_ns(first));
  for (const profile::LifetimeCount& freed : site.lifetimes) {
    if (freed.bucket < first) continue;
    const auto count = static_cast<double>(freed.samples);
    h.reached += count;
    h.died_ever += count;
    if (freed.bucket < timeline.horizon_bucket) h.died += count;
  }
  for (const profile::Cohort& c : site.live) {
    const double age = timeline.uptime_ns - static_cast<double>(c.birth_ns);
    if (age < h.age_a_ns) continue;
    h.reached += static_cast<double>(c.samples);
    if (age < timeline.horizon_ns) h.censored += static_cast<double>(c.samples);
  }
  return h;
}

Survivors survivors_of(const Site& site, const Timeline& timeline) {
  Survivors s;
  for (const profile::Cohort& c : site.live) {
    const auto birth = static_cast<double>(c.birth_ns);
    if (birth < timeline.warm_up_ns || birth > timeline.old_enough_ns) continue;
    (birth < timeline.middle_ns ? s.older : s.younger) += static_cast<double>(c.samples);
    s.bytes += c.bytes;
    s.bytes_squared += c.bytes_squared;
    if (c.bytes > 0) s.largest_weight = std::max(s.largest_weight, c.bytes_squared / c.bytes);
  }
  return s;
}

std::optional<double> goes_on_until(const Site& site, const Timeline& timeline) {
  double kept = 0;
  for (const profile::Cohort& c : site.live) kept += static_cast<double>(c.samples);
  double last_ns = 0, seen = 0;
  for (const profile::Cohort& c : site.live) {
    last_ns = static_cast<double>(c.birth_ns);
    seen += static_cast<double>(c.samples);
    if (seen >= kNearlyAllWork * kept) break;
  }
  if (!(last_ns > timeline.uptime_ns)) return {};
  // The rest begins with what little work was left.
  const double settled_ns = (timeline.uptime_ns + last_ns) / 2;
  double before = 0, since = 0;
  for (const profile::Cohort& c : site.live) {
    const auto birth = static_cast<double>(c.birth_ns);
    if (birth < timeline.warm_up_ns || birth > last_ns) continue;
    (birth > settled_ns ? since : before) += static_cast<double>(c.samples);
  }
  const double before_ns = settled_ns - timeline.warm_up_ns, since_ns = last_ns - settled_ns;
  if (since < kLeastSamples || since * before_ns < kLeastFade * before * since_ns) return {};
  return std::min(last_ns, timeline.snapshot_ns);
}

double p_birth(const Survivors& survivors, const Timeline& timeline, double budget_bytes_per_hour) {
  if (!(survivors.bytes > 0) || !(survivors.samples() > 0)) return 1;
  const double mean_weight = survivors.bytes / survivors.samples();
  return poisson_at_least(survivors.younger, budget_bytes_per_hour * timeline.younger_hours / mean_weight);
}

std::optional<double> median_lifetime_ns(const Site& site) {
  double all = 0, seen = 0;
  for (const profile::LifetimeCount& freed : site.lifetimes) all += static_cast<double>(freed.samples);
  for (const profile::LifetimeCount& freed : site.lifetimes) {
    seen += static_cast<double>(freed.samples);
    if (2 * seen >= all) return static_cast<double>(profile::lifetime_bucket_start_ns(freed.bucket));
  }
  return {};
}

std::optional<double> longest_lifetime_ns(const Site& site) {
  if (site.lifetimes.empty()) return {};
  return static_cast<double>(profile::lifetime_bucket_start_ns(site.lifetimes.back().bucket));
}

bool grows_like_a_container(const Site& site, const Timeline& timeline) {
  double at_warm_up = 0, largest = 0, last_ns = 0;
  for (const profile::SizeStep& step : site.size_steps) {
    largest = static_cast<double>(step.size);
    last_ns = static_cast<double>(step.time_ns);
    if (last_ns < timeline.warm_up_ns || at_warm_up == 0) at_warm_up = largest;
  }
  const bool is_live = site.inuse_bytes >= 0.5 * largest;
  return largest >= kTwoDoublings * at_warm_up && is_live && largest >= kSmallestContainer &&
         last_ns >= timeline.middle_ns;
}

}  // namespace holdfast::diagnose
