#include "diagnose/rounds.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <unordered_map>

#include "base/units.h"
#include "diagnose/bounds.h"
#include "diagnose/evidence.h"
#include "diagnose/explain.h"
#include "diagnose/interval.h"
#include "diagnose/series.h"

namespace holdfast::diagnose {
namespace {

constexpr double kLevel = 0.01;
constexpr double kLeastSamples = 5;
constexpr double kLeastFade = 1.0 / 3;
// Of what the measured rounds kept, alive after those to confirm: sessions and full caches have given it up.
constexpr double kLeastOutlived = 2.0 / 3;

struct Amount {
  double samples = 0, bytes = 0, bytes_squared = 0;

  Amount& operator+=(const Amount& other) {
    samples += other.samples;
    bytes += other.bytes;
    bytes_squared += other.bytes_squared;
    return *this;
  }
};

Amount in_use(const Site& site) {
  if (!site.has_history) return {site.inuse_objects, site.inuse_bytes, 0};
  Amount sum;
  for (const profile::Cohort& c : site.live)
    sum += {static_cast<double>(c.samples), c.bytes, c.bytes_squared};
  return sum;
}

// One half of a stretch at one place.
struct Half {
  Amount kept;                  // born in it, alive after the guard
  double samples = 0, net = 0;  // what is in use grew by
  double work = 0;

  double kept_per_work() const { return work > 0 ? kept.bytes / work : 0; }

  double p_within(double budget) const {
    if (!(kept.bytes > 0) || !(kept.samples > 0)) return 1;
    return poisson_at_least(kept.samples, budget * work * kept.samples / kept.bytes);
  }
};

struct Place {
  Half older, younger;
  const Site* site = nullptr;  // as of after the guard; null when nothing is left

  double fade() const {
    const double before = older.work > 0 ? older.kept.samples / older.work : 0;
    const double after = younger.work > 0 ? younger.kept.samples / younger.work : 0;
    return before > 0 ? after / before : 0;
  }
  Amount kept() const {
    Amount sum = older.kept;
    return sum += younger.kept;
  }
};

double end_ns(const profile::Profile& p) { return p.history ? static_cast<double>(p.history->uptime_ns) : 0; }

// The places of a stretch, by what was in use at its snapshots and who is alive after the guard.
class Places {
 public:
  explicit Places(const Stretch& stretch) : sites_(sites_of(stretch.guarded)) {
    add_in_use(stretch.base, -1, 0);
    add_in_use(stretch.middle, 1, -1);
    add_in_use(stretch.end, 0, 1);
    for (const Site& site : sites_) {
      Place& place = places_[site.place];
      place.site = &site;
      add_kept(place, stretch);
    }
    for (auto& [key, place] : places_) {
      place.older.work = stretch.work_older;
      place.younger.work = stretch.work_younger;
    }
  }

  const std::map<std::uint64_t, Place>& all() const { return places_; }
  const std::vector<Site>& sites() const { return sites_; }
  const Place* find(std::uint64_t key) const {
    const auto found = places_.find(key);
    return found == places_.end() ? nullptr : &found->second;
  }

 private:
  void add_in_use(const profile::Profile& snapshot, double to_older, double to_younger) {
    for (const Site& site : sites_of(snapshot)) {
      const Amount amount = in_use(site);
      Place& place = places_[site.place];
      place.older.samples += to_older * amount.samples;
      place.older.net += to_older * amount.bytes;
      place.younger.samples += to_younger * amount.samples;
      place.younger.net += to_younger * amount.bytes;
    }
  }

  static void add_kept(Place& place, const Stretch& stretch) {
    if (!stretch.guarded.history) {
      // Who survived is unknown: what grew stands in for it.
      const auto grown = [](const Half& half) -> Amount {
        if (half.samples <= 0 || half.net <= 0) return {};
        return {half.samples, half.net, half.net * half.net / half.samples};
      };
      place.older.kept = grown(place.older);
      place.younger.kept = grown(place.younger);
      return;
    }
    for (const profile::Cohort& c : place.site->live) {
      const auto birth = static_cast<double>(c.birth_ns);
      if (birth < end_ns(stretch.base) || birth >= end_ns(stretch.end)) continue;
      Half& half = birth < end_ns(stretch.middle) ? place.older : place.younger;
      half.kept += {static_cast<double>(c.samples), c.bytes, c.bytes_squared};
    }
  }

  std::vector<Site> sites_;
  std::map<std::uint64_t, Place> places_;  // ordered, so that equal profiles give equal reports
};

// How much of what was born between two moments is alive at `site`, in samples.
double alive_born_between(const Site& site, double from_ns, double to_ns) {
  double samples = 0;
  for (const profile::Cohort& c : site.live) {
    const auto birth = static_cast<double>(c.birth_ns);
    if (birth >= from_ns && birth < to_ns) samples += static_cast<double>(c.samples);
  }
  return samples;
}

bool half_fails(const Half& half, double budget) {
  return half.samples >= kLeastSamples && half.net > budget * half.work && half.p_within(budget) < kLevel;
}

bool fails(const Place& place, double budget) {
  return half_fails(place.older, budget) && half_fails(place.younger, budget) && place.fade() >= kLeastFade;
}

void set(Finding& f, Grade grade, Reason reason) {
  f.grade = grade;
  f.reason = reason;
}

void say_why_not(Finding& f, const Place& place, double budget) {
  const Amount kept = place.kept();
  if (kept.samples < kLeastSamples) return set(f, Grade::too_little_data, Reason::too_few_samples);
  if (place.fade() < kLeastFade) return set(f, Grade::retained, Reason::fades);
  if (std::min(place.older.kept.samples, place.younger.kept.samples) < kLeastSamples)
    return set(f, Grade::too_little_data, Reason::too_few_samples);
  if (place.older.p_within(budget) >= kLevel || place.younger.p_within(budget) >= kLevel)
    return set(f, Grade::retained, Reason::within_budget);
  set(f, Grade::turnover, Reason::replaced);
}

std::string halves_text(const Place& place) {
  return count_text(place.older.kept.samples) + " kept in the first half (" +
         base::format_bytes(place.older.kept.bytes) + "), " + count_text(place.younger.kept.samples) +
         " in the second (" + base::format_bytes(place.younger.kept.bytes) + ")";
}

const char* explanation_of(Reason reason) {
  switch (reason) {
    case Reason::grows_every_half:
      return "the same requests leave more behind each time";
    case Reason::not_confirmed:
      return "the rounds to confirm it did not: it grew no more, or gave up what it had kept";
    case Reason::fades:
      return "less was kept later than at first: a cache or a pool that fills up";
    case Reason::within_budget:
      return "kept, but within the budget";
    case Reason::replaced:
      return "what is kept replaces what was there before: in use does not grow";
    case Reason::within_bound:
      return "within the bound that was declared for it";
    default:
      return "too little was kept to say more";
  }
}

// Judges one place at a time, with what all of them share.
class RoundsJudge {
 public:
  RoundsJudge(const Stretch& stretch, const Places& measured, const Places* confirming,
              const RoundsPolicy& policy, const Diagnosis& diagnosis)
      : stretch_(stretch), measured_(measured), confirming_(confirming), policy_(policy), d_(diagnosis) {}

  // No finding where nothing was kept.
  std::optional<Finding> judge(const Site& site) const {
    const Place* place = measured_.find(site.place);
    if (place == nullptr || !(place->kept().samples > 0)) return {};
    Finding f;
    f.site = site;
    f.in_use = in_use_of(site, d_.interval_bytes);
    const Place* later = confirming_ == nullptr ? nullptr : confirming_->find(site.place);
    grade(f, *place, later);
    const double budget = policy_.budget_bytes_per_work;
    f.evidence.kept_older = place->older.kept.samples;
    f.evidence.kept_younger = place->younger.kept.samples;
    f.evidence.fade = place->fade();
    f.evidence.p_birth = std::max(place->older.p_within(budget), place->younger.p_within(budget));
    rate(f, *place, later);
    f.facts.push_back(halves_text(*place) + "; all of it has outlived another round");
    if (later != nullptr) f.facts.push_back("in the rounds to confirm it: " + halves_text(*later));
    f.explanation = explanation_of(f.reason);
    if (!d_.has_ages && f.grade == Grade::suspect) {
      f.explanation += "; this profile carries no ages, so it is a suspect at most";
    }
    return f;
  }

 private:
  void grade(Finding& f, const Place& place, const Place* later) const {
    const double budget = policy_.budget_bytes_per_work;
    if (is_within_bound(f.site, d_.bounds)) return set(f, Grade::retained, Reason::within_bound);
    if (!fails(place, budget)) return say_why_not(f, place, budget);
    const bool is_confirmed = later != nullptr && fails(*later, budget) && outlived(f.site, place);
    if (confirming_ != nullptr && !is_confirmed) return set(f, Grade::retained, Reason::not_confirmed);
    set(f, d_.has_ages ? Grade::leak : Grade::suspect, Reason::grows_every_half);
  }

  // Whether what the measured rounds kept is still there at `site`, which is as of after those to confirm.
  bool outlived(const Site& site, const Place& place) const {
    if (!d_.has_ages) return true;
    const double base = end_ns(stretch_.base), middle = end_ns(stretch_.middle), end = end_ns(stretch_.end);
    return alive_born_between(site, base, middle) >= kLeastOutlived * place.older.kept.samples &&
           alive_born_between(site, middle, end) >= kLeastOutlived * place.younger.kept.samples;
  }

  void rate(Finding& f, const Place& place, const Place* later) const {
    Amount kept = place.kept();
    double work = place.older.work + place.younger.work;
    if (later != nullptr) {
      kept += later->kept();
      work += later->older.work + later->younger.work;
    }
    f.samples = static_cast<std::uint64_t>(std::min(kept.samples, 1e18));
    if (!(work > 0) || !(kept.bytes > 0)) return;
    const Interval sum = gamma_interval(kept.bytes, kept.bytes_squared,
                                        std::max(d_.interval_bytes, kept.bytes_squared / kept.bytes));
    f.bytes_per_work = Estimate{kept.bytes / work, {sum.lower / work, sum.upper / work}};
  }

  const Stretch& stretch_;
  const Places& measured_;
  const Places* confirming_;
  const RoundsPolicy& policy_;
  const Diagnosis& d_;
};

void describe(const profile::Profile& last, Diagnosis& d) {
  d.interval_bytes = static_cast<double>(std::max<std::int64_t>(last.period, 0));
  d.floor_bytes = d.interval_bytes > 1 ? floor_bytes(d.interval_bytes) : 0;
  d.has_ages = last.history.has_value();
  if (!last.history_note.empty()) d.notes.push_back(last.history_note);
  if (!last.history) {
    d.notes.push_back("this program's profile carries no ages: what grows is a suspect, never a leak");
    return;
  }
  d.uptime_seconds = end_ns(last) / 1e9;
  d.work_unit = last.history->work_unit;
  d.counters = last.history->counters;
  d.allocator = last.history->allocator;
  d.unwinder = last.history->unwinder;
  d.memory = last.history->memory;
}

void add_bounds(const std::vector<Site>& sites, const RoundsPolicy& policy, Diagnosis& d) {
  double bytes = 0, variance = 0;
  for (const Site& site : sites) {
    bytes += site.inuse_bytes;
    variance += sampling_variance(site, d.interval_bytes);
  }
  d.in_use = {bytes, sampling_interval(bytes, variance, d.interval_bytes)};
  d.bounds = check_bounds(sites, policy.bounds, d);
}

double order_of(const Finding& f) { return f.bytes_per_work ? f.bytes_per_work->value : 0; }

}  // namespace

double floor_bytes_per_work(double interval_bytes, double work_per_half) {
  if (interval_bytes <= 1 || !(work_per_half > 0)) return 0;
  return floor_bytes(interval_bytes) / work_per_half;
}

Diagnosis judge_rounds(const Stretch& measured, const Stretch* confirming, const RoundsPolicy& policy) {
  Diagnosis d;
  const Places places(measured);
  const std::optional<Places> later =
      confirming == nullptr ? std::nullopt : std::optional<Places>(std::in_place, *confirming);
  const profile::Profile& last = confirming == nullptr ? measured.guarded : confirming->guarded;
  const std::vector<Site>& sites = later ? later->sites() : places.sites();
  describe(last, d);
  add_bounds(sites, policy, d);
  d.work = measured.work_older + measured.work_younger;
  Rounds rounds;
  rounds.budget_bytes_per_work = policy.budget_bytes_per_work;
  rounds.floor_bytes_per_work =
      floor_bytes_per_work(d.interval_bytes, std::min(measured.work_older, measured.work_younger));
  d.rounds = rounds;

  const RoundsJudge judge(measured, places, later ? &*later : nullptr, policy, d);
  for (const Site& site : sites) {
    if (auto finding = judge.judge(site)) d.findings.push_back(std::move(*finding));
  }
  std::ranges::stable_sort(d.findings, [](const Finding& a, const Finding& b) {
    return a.grade != b.grade ? a.grade < b.grade : order_of(a) > order_of(b);
  });
  if (rounds.floor_bytes_per_work > policy.budget_bytes_per_work) {
    d.inconclusive = true;
    d.notes.push_back("leaks of less than " + base::format_bytes(rounds.floor_bytes_per_work) +
                      " per unit of work cannot be seen, and the budget is " +
                      base::format_bytes(policy.budget_bytes_per_work) +
                      ": send more requests, sample at a smaller interval, or raise the budget");
  }
  return d;
}

}  // namespace holdfast::diagnose
