#include "diagnose/judge.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "base/units.h"
#include "diagnose/compare.h"
#include "diagnose/work_curve.h"

namespace holdfast::diagnose {
namespace {

constexpr double kNsPerSecond = 1e9;
constexpr double kNsPerHour = 3600e9;
constexpr double kLeakSurvival = 0.85;     // of those alive at an age, still alive at twice the age
constexpr double kSuspectSurvival = 0.70;
constexpr double kLeakLevel = 0.01;
constexpr double kSuspectLevel = 0.05;
constexpr double kLeastFade = 1.0 / 3;
constexpr std::uint64_t kLeastSamples = 5;

std::string duration(double ns) {
  return base::format_duration(std::chrono::nanoseconds(static_cast<std::int64_t>(ns)));
}

// When a profile was taken, and what follows from it for all its sites.
struct Clock {
  double uptime_ns;
  double warm_up_ns;
  double horizon_ns;  // b: the largest bucket edge not beyond half the uptime
  int horizon_bucket;
  WorkCurve work;
  double old_enough_ns;  // birth of the youngest that count as survivors: of age b/4
  double middle_ns;      // splits the work between warm-up and there in two halves

  Clock(const profile::HeapHistory& history, const Policy& policy)
      : uptime_ns(static_cast<double>(std::max<std::int64_t>(history.uptime_ns, 1))), work(history) {
    const double usual = std::min(0.1 * uptime_ns, 900 * kNsPerSecond);
    warm_up_ns = policy.warm_up_seconds ? *policy.warm_up_seconds * kNsPerSecond : usual;
    horizon_bucket = 0;
    while (horizon_bucket + 1 < profile::kLifetimeBuckets &&
           static_cast<double>(profile::lifetime_bucket_start_ns(horizon_bucket + 1)) <= uptime_ns / 2) {
      ++horizon_bucket;
    }
    horizon_ns = static_cast<double>(profile::lifetime_bucket_start_ns(horizon_bucket));
    old_enough_ns = uptime_ns - horizon_ns / 4;
    const double begin = work.work_at(warm_up_ns), end = work.work_at(old_enough_ns);
    middle_ns = work.time_at((begin + end) / 2);
  }
};

// What became of the objects that reached age a by age b.
struct Horizon {
  double reached = 0;   // n
  double died = 0;      // d: between a and b
  double censored = 0;  // c: alive, but not yet of age b
  double age_a_ns = 0;
};

Horizon horizon_of(const Site& site, const Clock& clock, int doublings) {
  Horizon h;
  const int first = std::max(0, clock.horizon_bucket - 4 * doublings);
  h.age_a_ns = static_cast<double>(profile::lifetime_bucket_start_ns(first));
  for (int bucket = first; bucket < profile::kLifetimeBuckets; ++bucket) {
    const auto count = static_cast<double>(site.lifetimes[static_cast<std::size_t>(bucket)]);
    h.reached += count;
    if (bucket < clock.horizon_bucket) h.died += count;
  }
  for (const profile::Cohort& c : site.live) {
    const double age = clock.uptime_ns - static_cast<double>(c.birth_ns);
    if (age < h.age_a_ns) continue;
    h.reached += static_cast<double>(c.samples);
    if (age < clock.horizon_ns) h.censored += static_cast<double>(c.samples);
  }
  return h;
}

// P(as few deaths as seen | a share 1 - survival^k dies over k doublings of age).
double p_survive(const Horizon& h, int doublings, double survival) {
  const double at_risk = std::floor(h.reached - h.censored / 2);
  return binomial_at_most(h.died, at_risk, 1 - std::pow(survival, doublings));
}

// Live samples of an age that counts, born after the warm-up.
struct Survivors {
  double n_old = 0, n_young = 0;  // by halves of the work
  double bytes = 0, bytes_squared = 0;
  std::uint64_t samples = 0;
};

Survivors survivors_of(const Site& site, const Clock& clock) {
  Survivors s;
  for (const profile::Cohort& c : site.live) {
    const auto birth = static_cast<double>(c.birth_ns);
    if (birth < clock.warm_up_ns || birth > clock.old_enough_ns) continue;
    (birth < clock.middle_ns ? s.n_old : s.n_young) += static_cast<double>(c.samples);
    s.bytes += c.bytes;
    s.bytes_squared += c.bytes_squared;
    s.samples += c.samples;
  }
  return s;
}

double median_lifetime_ns(const Site& site) {
  std::uint64_t seen = 0;
  for (int bucket = 0; bucket < profile::kLifetimeBuckets; ++bucket) {
    seen += site.lifetimes[static_cast<std::size_t>(bucket)];
    if (seen * 2 >= site.freed_samples && seen > 0) return static_cast<double>(profile::lifetime_bucket_start_ns(bucket));
  }
  return 0;
}

double longest_lifetime_ns(const Site& site) {
  for (int bucket = profile::kLifetimeBuckets - 1; bucket >= 0; --bucket) {
    if (site.lifetimes[static_cast<std::size_t>(bucket)] > 0) {
      return static_cast<double>(profile::lifetime_bucket_start_ns(bucket));
    }
  }
  return 0;
}

// One buffer that keeps doubling: the tests above see a single young object.
bool grows_like_a_container(const Site& site, const Clock& clock) {
  std::uint64_t doublings = 0;
  std::uint64_t reference = 0;
  std::int64_t last_ns = 0;
  for (const profile::SizeStep& step : site.size_steps) {
    if (static_cast<double>(step.time_ns) < clock.warm_up_ns) {
      reference = step.size;
      continue;
    }
    if (reference == 0) reference = step.size;
    if (step.size >= 2 * reference) {
      ++doublings;
      reference = step.size;
      last_ns = step.time_ns;
    }
  }
  const bool is_live = site.inuse_bytes >= 0.5 * static_cast<double>(reference);
  return doublings >= 2 && is_live && static_cast<double>(last_ns) >= clock.uptime_ns / 2;
}

class SiteJudge {
 public:
  SiteJudge(Finding& finding, const Clock& clock, const Policy& policy, const profile::HeapHistory& history,
            double interval_bytes)
      : f_(finding), site_(finding.site), clock_(clock), policy_(policy), history_(history), interval_(interval_bytes) {}

  void judge() {
    double variance = 0;
    for (const profile::Cohort& c : site_.live) variance += c.variance;
    f_.in_use = {site_.inuse_bytes, sampling_interval(site_.inuse_bytes, variance, interval_)};
    wide_ = horizon_of(site_, clock_, 2);
    narrow_ = horizon_of(site_, clock_, 1);
    survivors_ = survivors_of(site_, clock_);
    test();
    rate();
    f_.grade = grade();
    explain();
  }

  bool tested() const { return wide_.reached >= static_cast<double>(kLeastSamples); }

 private:
  void test() {
    const auto over_horizons = [&](double survival) {
      return std::min(1.0, 2 * std::min(p_survive(wide_, 2, survival), p_survive(narrow_, 1, survival)));
    };
    f_.p_survive_leak = over_horizons(kLeakSurvival);
    f_.p_survive_suspect = over_horizons(kSuspectSurvival);
    const double n = survivors_.n_old + survivors_.n_young;
    if (n > 0) {
      const double younger_hours = std::max(0.0, clock_.old_enough_ns - clock_.middle_ns) / kNsPerHour;
      const double mu = policy_.budget_bytes_per_hour * younger_hours / (survivors_.bytes / n);
      f_.p_birth = poisson_at_least(survivors_.n_young, mu);
    }
    f_.fade = survivors_.n_old > 0 ? survivors_.n_young / survivors_.n_old : survivors_.n_young;
    f_.samples = survivors_.samples;
  }

  void rate() {
    const double span = clock_.old_enough_ns - clock_.warm_up_ns;
    if (survivors_.samples == 0 || span <= 0) return;
    const Interval sum = gamma_interval(survivors_.bytes, survivors_.bytes_squared, interval_ > 1 ? interval_ : 0);
    const auto per = [&](double amount) {
      return Estimate{survivors_.bytes / amount, {sum.lower / amount, sum.upper / amount}};
    };
    f_.bytes_per_hour = per(span / kNsPerHour);
    const double work = clock_.work.work_at(clock_.old_enough_ns) - clock_.work.work_at(clock_.warm_up_ns);
    if (work > 0 && history_.work_unit != "bytes allocated" && !clock_.work.is_wall_time()) f_.bytes_per_work = per(work);
    if (policy_.limit_bytes && f_.bytes_per_hour->value > 0) {
      f_.hours_to_limit = std::max(0.0, *policy_.limit_bytes - total_in_use) / f_.bytes_per_hour->value;
    }
  }

  bool within_bound() const {
    return std::ranges::any_of(policy_.bounds, [&](const Bound& bound) {
      return site_.inuse_bytes <= bound.bytes && std::ranges::any_of(site_.frames, [&](const Frame& frame) {
               return !frame.is_plumbing && frame.function.find(bound.site) != std::string::npos;
             });
    });
  }

  Grade grade() const {
    if (within_bound()) return Grade::retained;
    if (tested()) {
      const bool goes_on = f_.fade >= kLeastFade && survivors_.n_young > 0;
      if (goes_on && std::max(f_.p_survive_leak, f_.p_birth) < kLeakLevel) return Grade::leak;
      if (goes_on && std::max(f_.p_survive_suspect, f_.p_birth) < kSuspectLevel) return Grade::suspect;
    }
    if (grows_like_a_container(site_, clock_)) return Grade::growing_container;
    // Where hardly anything grew old, frees tell whether that is for want of objects or because they die young.
    if (!tested()) return site_.freed_samples >= kLeastSamples ? Grade::turnover : Grade::too_little_data;
    if (f_.p_survive_suspect < kSuspectLevel) return Grade::retained;  // they live on, but no more are kept
    if (longest_lifetime_ns(site_) > clock_.uptime_ns / 4) return Grade::unresolved;
    return Grade::turnover;
  }

  void explain() {
    const auto count = [](double n) { return base::format_count(static_cast<std::int64_t>(n)); };
    // The horizon that says more.
    const bool wide = p_survive(wide_, 2, kLeakSurvival) <= p_survive(narrow_, 1, kLeakSurvival);
    const Horizon& h = wide ? wide_ : narrow_;
    if (h.reached > 0) {
      std::string fact = h.died == 0 ? "old objects do not die: 0 of " : "few old objects die: " + count(h.died) + " of ";
      if (f_.grade == Grade::turnover || f_.grade == Grade::unresolved) fact = "old objects die: " + count(h.died) + " of ";
      fact += count(h.reached) + " that reached " + duration(h.age_a_ns) + " were freed by " + duration(clock_.horizon_ns);
      if (site_.freed_samples > 0) fact += " (freed ones here live " + duration(median_lifetime_ns(site_)) + " median)";
      f_.facts.push_back(std::move(fact));
    }
    if (survivors_.samples > 0) {
      const std::string halves =
          count(survivors_.n_old) + " kept in the first half of the work, " + count(survivors_.n_young) + " in the second";
      f_.facts.push_back((f_.fade >= kLeastFade && survivors_.n_young > 0 ? "still growing: " : "growth fades: ") + halves);
    }
    if (f_.hours_to_limit) {
      f_.facts.push_back("at this rate the " + base::format_bytes(*policy_.limit_bytes) + " limit is reached in ~" +
                         duration(std::min(*f_.hours_to_limit * kNsPerHour, 9e18)));
    }
    f_.reason = reason();
  }

  std::string reason() const {
    switch (f_.grade) {
      case Grade::leak: return {};
      case Grade::suspect: return "not yet certain: more uptime, a smaller interval or exact mode would decide";
      case Grade::growing_container: {
        const profile::SizeStep& last = site_.size_steps.back();
        return "one buffer keeps doubling, last to " + base::format_bytes(static_cast<double>(last.size)) + " at " +
               duration(static_cast<double>(last.time_ns)) + " of " + duration(clock_.uptime_ns);
      }
      case Grade::retained:
        return within_bound() ? "within the bound declared for it" : "kept, but no longer growing: a start, a warm-up or a full cache";
      case Grade::turnover: return "its objects do die: sessions, a cache that turns over, batches";
      case Grade::unresolved:
        return "objects here live up to " + duration(longest_lifetime_ns(site_)) + "; needs an uptime of at least " +
               duration(4 * longest_lifetime_ns(site_));
      case Grade::too_little_data: break;
    }
    if (interval_ > 1) {
      return "a leak of less than " + base::format_bytes(floor_bytes(interval_)) + " cannot be seen at this interval";
    }
    return "fewer than " + std::to_string(kLeastSamples) + " objects reached " + duration(wide_.age_a_ns);
  }

  Finding& f_;
  Site& site_;
  const Clock& clock_;
  const Policy& policy_;
  const profile::HeapHistory& history_;
  double interval_;
  Horizon wide_, narrow_;
  Survivors survivors_;

 public:
  double total_in_use = 0;
};

// Benjamini and Hochberg's q-values of the sites that were tested.
void add_q_values(std::vector<Finding*> tested) {
  const auto p = [](const Finding* f) { return std::max(f->p_survive_leak, f->p_birth); };
  std::ranges::sort(tested, {}, p);
  double q = 1;
  for (std::size_t rank = tested.size(); rank > 0; --rank) {
    Finding* f = tested[rank - 1];
    q = std::min(q, p(f) * static_cast<double>(tested.size()) / static_cast<double>(rank));
    f->q_value = q;
  }
}

double weight_for_order(const Finding& f) {
  return f.grade == Grade::leak || f.grade == Grade::suspect ? (f.bytes_per_hour ? f.bytes_per_hour->value : 0)
                                                             : f.in_use.value;
}

void note_quality(const profile::Profile& profile, Diagnosis& d) {
  if (!profile.history_note.empty()) d.notes.push_back(profile.history_note);
  if (!profile.history) return;
  std::uint64_t previous = 0;
  bool changed = false;
  for (const profile::IntervalChange& c : profile.history->intervals) {
    changed = changed || (previous != 0 && c.interval_bytes != previous);
    previous = c.interval_bytes;
  }
  if (changed) d.notes.push_back("the sampling interval changed, or recording stopped, while this was recorded");
  d.counters = profile.history->counters;
}

}  // namespace

Diagnosis judge(const profile::Profile& snapshot, const Policy& policy) {
  Diagnosis d;
  d.interval_bytes = static_cast<double>(std::max<std::int64_t>(snapshot.period, 0));
  d.floor_bytes = d.interval_bytes > 1 ? floor_bytes(d.interval_bytes) : 0;
  note_quality(snapshot, d);
  std::vector<Site> sites = sites_of(snapshot);
  for (const Site& site : sites) d.in_use_bytes += site.inuse_bytes;
  if (!snapshot.history || snapshot.history->uptime_ns <= 0) {
    d.inconclusive = true;
    d.notes.push_back("this profile carries no ages: which sites leak cannot be told from it; `holdfast diff` compares two");
    return d;
  }
  const profile::HeapHistory& history = *snapshot.history;
  const Clock clock(history, policy);
  d.has_ages = true;
  d.allocator = history.allocator;
  d.uptime_seconds = clock.uptime_ns / kNsPerSecond;
  d.warm_up_seconds = clock.warm_up_ns / kNsPerSecond;
  d.work = clock.work.is_wall_time() ? 0 : clock.work.total();
  d.work_unit = history.work_unit;

  bool any_tested = false;
  for (Site& site : sites) {
    // Sites with nothing in use hold nothing back.
    if (!site.has_history || (site.inuse_bytes <= 0 && site.live.empty())) {
      any_tested = any_tested || site.alloc_samples >= kLeastSamples;
      continue;
    }
    Finding& finding = d.findings.emplace_back();
    finding.site = std::move(site);
    SiteJudge judge(finding, clock, policy, history, d.interval_bytes);
    judge.total_in_use = d.in_use_bytes;
    judge.judge();
    any_tested = any_tested || judge.tested();
  }
  std::vector<Finding*> tested;
  for (Finding& f : d.findings) {
    if (f.grade != Grade::too_little_data) tested.push_back(&f);
  }
  add_q_values(tested);
  std::ranges::stable_sort(d.findings, [](const Finding& a, const Finding& b) {
    return a.grade != b.grade ? a.grade < b.grade : weight_for_order(a) > weight_for_order(b);
  });
  if (!any_tested) {
    d.inconclusive = true;
    d.notes.push_back("no site has enough data: run longer, or record with a smaller interval or in exact mode");
  }
  return d;
}

Diagnosis judge(const std::vector<profile::Profile>& series, const Policy& policy) {
  const profile::Profile& last = series.back();
  Diagnosis d = judge(last, policy);
  if (series.size() < 2) return d;
  const Comparison comparison = compare(series.front(), last);
  for (const std::string& warning : comparison.warnings) d.notes.push_back(warning);
  if (!comparison.same_process) return d;
  for (Finding& f : d.findings) {
    for (const Change& change : comparison.changes) {
      if (change.site.fingerprint == f.site.fingerprint) f.growth = change.growth;
    }
  }
  return d;
}

}  // namespace holdfast::diagnose
