#include "diagnose/judge.h"

#include <algorithm>
#include <cmath>

#include "diagnose/bounds.h"
#include "diagnose/evidence.h"
#include "diagnose/explain.h"
#include "diagnose/series.h"

namespace holdfast::diagnose {
namespace {

constexpr double kNsPerSecond = 1e9;
constexpr double kNsPerHour = 3600e9;
constexpr double kLeakSurvival = 0.85;  // of those alive at an age, still alive at twice the age
constexpr double kSuspectSurvival = 0.70;
constexpr double kLeakLevel = 0.01;
constexpr double kSuspectLevel = 0.05;
// Old objects freed, per survivor: a site that renews what it keeps is no leak, however long each object
// lives. A leak whose objects survive at the rates above has about 0.4 (leak) and 1 (suspect) at most.
constexpr double kMostReplacedLeak = 1.0 / 3;
constexpr double kMostReplacedSuspect = 2.0 / 3;

// Judges one site at a time, with what all of them share.
class SiteJudge {
 public:
  SiteJudge(const profile::HeapHistory& history, const Policy& policy, double interval_bytes,
            double in_use_bytes, const std::vector<BoundCheck>& bounds)
      : timeline_(history, policy),
        policy_(policy),
        bounds_(bounds),
        interval_(interval_bytes),
        in_use_(in_use_bytes),
        counts_work_(!timeline_.counted.is_wall_time() && history.work_unit != kBytesAllocated) {}

  const Timeline& timeline() const { return timeline_; }

  // Whether enough of the site's objects grew old enough for the tests to mean something.
  static bool tested(const Finding& f) { return f.evidence.reached >= kLeastSamples; }

  void judge(Finding& f) const {
    if (timeline_.rests()) {
      if (const auto until_ns = goes_on_until(f.site, timeline_)) return judge(f, timeline_.as_of(*until_ns));
    }
    judge(f, timeline_);
  }

 private:
  void judge(Finding& f, const Timeline& timeline) const {
    f.in_use = in_use_of(f.site, interval_);
    const Horizon wide = horizon_of(f.site, timeline, 2);
    const Horizon narrow = horizon_of(f.site, timeline, 1);
    const Survivors survivors = survivors_of(f.site, timeline);
    gather(f, timeline, wide, narrow, survivors);
    const bool enough = wide.reached >= kLeastSamples;
    grade(f, timeline, enough);
    // What comes and goes has no rate of growth.
    if (survivors.samples() > 0 && f.grade <= Grade::retained) rate(f, timeline, survivors);
    explain(f, timeline, policy_, interval_);
  }

  void gather(Finding& f, const Timeline& timeline, const Horizon& wide, const Horizon& narrow,
              const Survivors& survivors) const {
    Evidence& e = f.evidence;
    const double p_wide = wide.p_survive(kLeakSurvival), p_narrow = narrow.p_survive(kLeakSurvival);
    const Horizon& telling = p_narrow < p_wide && narrow.reached >= kLeastSamples ? narrow : wide;
    e.from_age_ns = telling.age_a_ns;
    e.to_age_ns = timeline.horizon_ns;
    e.reached = telling.reached;
    e.died = telling.died;
    // Two horizons, two chances: their smaller p counts double.
    e.p_survive_leak = std::min(1.0, 2 * std::min(p_wide, p_narrow));
    e.p_survive_suspect =
        std::min(1.0, 2 * std::min(wide.p_survive(kSuspectSurvival), narrow.p_survive(kSuspectSurvival)));
    e.p_birth = p_birth(survivors, timeline, policy_.budget_bytes_per_hour);
    e.fade = survivors.fade();
    e.kept_older = survivors.older;
    e.kept_younger = survivors.younger;
    e.died_old = wide.died_ever;
    e.median_lifetime_ns = median_lifetime_ns(f.site);
    e.longest_lifetime_ns = longest_lifetime_ns(f.site);
    f.samples = static_cast<std::uint64_t>(std::min(survivors.samples(), 1e18));
  }

  static void set(Finding& f, Grade grade, Reason reason) {
    f.grade = grade;
    f.reason = reason;
  }

  void grade(Finding& f, const Timeline& timeline, bool enough) const {
    const Evidence& e = f.evidence;
    const double kept = e.kept_older + e.kept_younger;
    const bool goes_on = enough && kept >= kLeastSamples && e.kept_younger > 0 && e.fade >= kLeastFade;
    const double p_leak = std::max(e.p_survive_leak, e.p_birth);
    const double p_suspect = std::max(e.p_survive_suspect, e.p_birth);
    if (is_within_bound(f.site, bounds_)) {
      set(f, Grade::retained, Reason::within_bound);
    } else if (goes_on && p_leak < kLeakLevel && e.died_old < kMostReplacedLeak * kept) {
      set(f, Grade::leak, Reason::survives_and_grows);
    } else if (grows_like_a_container(f.site, timeline)) {
      set(f, Grade::growing_container, Reason::container_doubles);
    } else if (goes_on && p_suspect < kSuspectLevel && e.died_old < kMostReplacedSuspect * kept) {
      set(f, Grade::suspect, Reason::survives_and_grows);
    } else if (enough) {
      say_why_not(f, timeline, kept);
    } else {
      say_why_unknown(f);
    }
  }

  void say_why_not(Finding& f, const Timeline& timeline, double kept) const {
    const Evidence& e = f.evidence;
    // A share of 70 % or less lives on to twice the age, and enough have died to say so.
    const bool dies = e.died >= kLeastSamples && e.p_survive_suspect > 0.5;
    const bool lives_long = e.longest_lifetime_ns && *e.longest_lifetime_ns > timeline.uptime_ns / 4;
    if (e.p_survive_suspect < kSuspectLevel) {
      if (kept == 0) return set(f, Grade::retained, Reason::born_at_start);
      if (e.fade < kLeastFade || e.kept_younger == 0) return set(f, Grade::retained, Reason::fades);
      if (e.died_old >= kMostReplacedLeak * kept) return set(f, Grade::turnover, Reason::replaced);
      return set(f, Grade::retained, e.p_birth < kSuspectLevel ? Reason::fades : Reason::within_budget);
    }
    if (dies) return set(f, Grade::turnover, Reason::objects_die);
    if (lives_long) return set(f, Grade::too_little_data, Reason::not_resolved_yet);
    if (e.died > 0) return set(f, Grade::turnover, Reason::objects_die);
    set(f, Grade::too_little_data, Reason::too_few_samples);
  }

  // Hardly anything grew old: for want of objects, because they die young, or because the site itself is
  // young?
  void say_why_unknown(Finding& f) const {
    const auto allocated = static_cast<double>(f.site.alloc_samples);
    const auto freed = static_cast<double>(f.site.freed_samples);
    if (freed >= kLeastSamples) return set(f, Grade::turnover, Reason::objects_die);
    set(f, Grade::too_little_data,
        allocated >= 2 * kLeastSamples ? Reason::not_resolved_yet : Reason::too_few_samples);
  }

  void rate(Finding& f, const Timeline& timeline, const Survivors& survivors) const {
    const double hours = (timeline.old_enough_ns - timeline.warm_up_ns) / kNsPerHour;
    if (!(hours > 0)) return;
    const Interval sum = gamma_interval(survivors.bytes, survivors.bytes_squared,
                                        std::max(interval_, survivors.largest_weight));
    const auto per = [&](double amount) {
      return Estimate{survivors.bytes / amount, {sum.lower / amount, sum.upper / amount}};
    };
    f.bytes_per_hour = per(hours);
    const double work =
        timeline.counted.work_at(timeline.old_enough_ns) - timeline.counted.work_at(timeline.warm_up_ns);
    if (counts_work_ && work > 0) f.bytes_per_work = per(work);
    if (policy_.limit_bytes && f.grade <= Grade::suspect && f.bytes_per_hour->value > 0) {
      f.hours_to_limit = std::max(0.0, *policy_.limit_bytes - in_use_) / f.bytes_per_hour->value;
    }
  }

  Timeline timeline_;
  const Policy& policy_;
  const std::vector<BoundCheck>& bounds_;
  double interval_, in_use_;
  bool counts_work_;
};

// Benjamini and Hochberg's q-values of the sites that were tested.
void add_q_values(std::vector<Finding>& findings) {
  std::vector<Finding*> tested;
  for (Finding& f : findings) {
    if (SiteJudge::tested(f)) tested.push_back(&f);
  }
  const auto p = [](const Finding* f) { return std::max(f->evidence.p_survive_leak, f->evidence.p_birth); };
  std::ranges::sort(tested, {}, p);
  double q = 1;
  for (std::size_t rank = tested.size(); rank > 0; --rank) {
    Finding* f = tested[rank - 1];
    q = std::min(q, p(f) * static_cast<double>(tested.size()) / static_cast<double>(rank));
    f->evidence.q_value = q;
  }
}

double weight_for_order(const Finding& f) {
  return f.grade <= Grade::suspect && f.bytes_per_hour ? f.bytes_per_hour->value : f.in_use.value;
}

// Findings are large: only their places are sorted.
void sort_worst_first(std::vector<Finding>& findings) {
  std::vector<Finding*> order;
  order.reserve(findings.size());
  for (Finding& f : findings) order.push_back(&f);
  std::ranges::stable_sort(order, [](const Finding* a, const Finding* b) {
    return a->grade != b->grade ? a->grade < b->grade : weight_for_order(*a) > weight_for_order(*b);
  });
  std::vector<Finding> sorted;
  sorted.reserve(order.size());
  for (Finding* f : order) sorted.push_back(std::move(*f));
  findings = std::move(sorted);
}

void note_quality(const profile::Profile& profile, Diagnosis& d) {
  if (!profile.history_note.empty()) d.notes.push_back(profile.history_note);
  if (!profile.history) return;
  d.counters = profile.history->counters;
  d.allocator = profile.history->allocator;
  d.unwinder = profile.history->unwinder;
  d.memory = profile.history->memory;
}

Diagnosis begin_diagnosis(const profile::Profile& snapshot, const std::vector<Site>& sites,
                          const Policy& policy) {
  Diagnosis d;
  d.interval_bytes = static_cast<double>(std::max<std::int64_t>(snapshot.period, 0));
  d.floor_bytes = d.interval_bytes > 1 ? floor_bytes(d.interval_bytes) : 0;
  note_quality(snapshot, d);
  double bytes = 0, variance = 0;
  for (const Site& site : sites) {
    bytes += site.inuse_bytes;
    variance += sampling_variance(site, d.interval_bytes);
  }
  d.in_use = {bytes, sampling_interval(bytes, variance, d.interval_bytes)};
  d.bounds = check_bounds(sites, policy.bounds, d);
  return d;
}

void judge_sites(const profile::HeapHistory& history, std::vector<Site> sites, const Policy& policy,
                 Diagnosis& d) {
  const SiteJudge judge(history, policy, d.interval_bytes, d.in_use.value, d.bounds);
  const Timeline& timeline = judge.timeline();
  d.has_ages = true;
  d.uptime_seconds = timeline.snapshot_ns / kNsPerSecond;
  d.warm_up_seconds = timeline.warm_up_ns / kNsPerSecond;
  d.work = timeline.counted.is_wall_time() ? 0 : timeline.counted.total();
  d.work_unit = history.work_unit;
  if (timeline.warm_up_ns >= timeline.old_enough_ns) {
    d.inconclusive = true;
    d.notes.push_back("nothing to judge yet: the warm-up, or the last change of the interval, ends at " +
                      duration_text(timeline.warm_up_ns) + " of " + duration_text(timeline.snapshot_ns));
  } else if (timeline.until_ns < timeline.uptime_ns) {
    d.notes.push_back("recording was stopped at " + duration_text(timeline.until_ns) + " of " +
                      duration_text(timeline.snapshot_ns) +
                      ": what was allocated since is not in this profile");
  }
  if (timeline.rests()) {
    d.notes.push_back("nearly no work since " + duration_text(timeline.uptime_ns) + " of " +
                      duration_text(timeline.snapshot_ns) +
                      ": judged as of then, as nothing dies while a program rests");
  }
  bool any_data = false;
  d.findings.reserve(sites.size());
  for (Site& site : sites) {
    any_data = any_data || static_cast<double>(site.alloc_samples) >= kLeastSamples;
    // Sites with nothing in use hold nothing back.
    if (!site.has_history || (site.inuse_bytes <= 0 && site.live.empty())) continue;
    Finding& finding = d.findings.emplace_back();
    finding.site = std::move(site);
    judge.judge(finding);
  }
  if (!any_data) {
    d.inconclusive = true;
    d.notes.push_back(
        "no site has enough data: run longer, or record with a smaller interval or in exact mode");
  }
  add_q_values(d.findings);
  sort_worst_first(d.findings);
}

}  // namespace

Diagnosis judge(const profile::Profile& snapshot, const Policy& policy) {
  std::vector<Site> sites = sites_of(snapshot);
  Diagnosis d = begin_diagnosis(snapshot, sites, policy);
  if (snapshot.history && snapshot.history->uptime_ns > 0) {
    judge_sites(*snapshot.history, std::move(sites), policy, d);
  } else {
    d.inconclusive = true;
    d.notes.push_back("this profile carries no ages: from it alone, which sites leak cannot be told");
  }
  return d;
}

Diagnosis judge(const std::vector<profile::Profile>& series, const Policy& policy) {
  Diagnosis d = judge(series.back(), policy);
  if (series.size() < 2) return d;
  if (d.has_ages) {
    add_growth(series, d);
  } else {
    suspect_growth(series, policy, d);
  }
  return d;
}

}  // namespace holdfast::diagnose
