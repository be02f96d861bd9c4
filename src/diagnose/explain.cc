#include "diagnose/explain.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>

#include "base/units.h"

namespace holdfast::diagnose {
namespace {

constexpr double kNsPerHour = 3600e9;

// Into what an int64 holds.
std::int64_t whole(double number) {
  return std::isfinite(number) ? static_cast<std::int64_t>(std::clamp(number, -9e18, 9e18)) : 0;
}

std::string survival_fact(const Evidence& e, Grade grade) {
  std::string fact = grade == Grade::turnover ? "old objects die: "
                     : e.died == 0            ? "old objects do not die: "
                                              : "few old objects die: ";
  fact += count_text(e.died) + " of " + count_text(e.reached) + " that reached " +
          duration_text(e.from_age_ns) + " were freed by " + duration_text(e.to_age_ns);
  if (e.median_lifetime_ns)
    fact += " (freed ones here live " + duration_text(*e.median_lifetime_ns) + " median)";
  return fact;
}

std::string growth_fact(const Finding& f) {
  const Evidence& e = f.evidence;
  const bool fades = f.reason == Reason::fades;
  return (fades ? "growth fades: " : "still growing: ") + count_text(e.kept_older) +
         " kept in the first half of the work, " + count_text(e.kept_younger) + " in the second";
}

std::string container_text(const Finding& f, const Timeline& timeline) {
  const profile::SizeStep& last = f.site.size_steps.back();
  return "one buffer keeps doubling, last to " + base::format_bytes(static_cast<double>(last.size)) + " at " +
         duration_text(static_cast<double>(last.time_ns)) + " of " + duration_text(timeline.uptime_ns) +
         "; a bound on it would settle it";
}

std::string too_few_text(const Finding& f, double interval_bytes) {
  if (interval_bytes > 1) {
    return "too few samples: a leak of less than " + base::format_bytes(floor_bytes(interval_bytes)) +
           " cannot be seen at this interval; run longer, or with a smaller interval or in exact mode";
  }
  return "too few objects of age " + duration_text(f.evidence.from_age_ns) +
         " or more to judge by; run longer";
}

std::string unresolved_text(const Finding& f, const Timeline& timeline) {
  if (f.evidence.longest_lifetime_ns && *f.evidence.longest_lifetime_ns > timeline.uptime_ns / 4) {
    const double longest = *f.evidence.longest_lifetime_ns;
    return "not resolved yet: objects here live up to " + duration_text(longest) +
           "; needs an uptime of at least " + duration_text(4 * longest);
  }
  return "not resolved yet: all of it is younger than " + duration_text(f.evidence.from_age_ns) +
         ", too young to tell; run longer";
}

std::string explanation(const Finding& f, const Timeline& timeline, const Policy& policy,
                        double interval_bytes) {
  switch (f.reason) {
    case Reason::survives_and_grows:
      if (f.grade == Grade::leak) return "no leak if it is a cache still filling: then declare its bound";
      return "not certain yet: more uptime, a smaller interval or exact mode would decide";
    case Reason::container_doubles:
      return container_text(f, timeline);
    case Reason::grew_without_ages:
      return "these profiles carry no ages, so growth is all there is: a leak, or load";
    case Reason::within_bound:
      return "within the bound declared for it";
    case Reason::born_at_start:
      return "built in the first " + duration_text(timeline.warm_up_ns) + " and kept since";
    case Reason::fades:
      return "kept, but it stops growing: a warm-up, or a cache that is full";
    case Reason::within_budget:
      return "kept, but no more than the budget of " + base::format_bytes(policy.budget_bytes_per_hour) +
             "/h";
    case Reason::objects_die:
      return "its objects do die: sessions, batches, a cache that turns over";
    case Reason::replaced:
      return "old objects make room for new ones: a full cache, or a pool that is renewed";
    case Reason::not_resolved_yet:
      return unresolved_text(f, timeline);
    case Reason::grows_every_half:  // of rounds.cc, which explains them
    case Reason::not_confirmed:
    case Reason::too_few_samples:
      break;
  }
  return too_few_text(f, interval_bytes);
}

}  // namespace

std::string duration_text(double ns) { return base::format_duration(std::chrono::nanoseconds(whole(ns))); }

std::string count_text(double count) { return base::format_count(whole(std::round(count))); }

void explain(Finding& f, const Timeline& timeline, const Policy& policy, double interval_bytes) {
  const Evidence& e = f.evidence;
  if (e.reached > 0) f.facts.push_back(survival_fact(e, f.grade));
  if (e.kept_older + e.kept_younger > 0) f.facts.push_back(growth_fact(f));
  if (f.reason == Reason::replaced) {
    f.facts.push_back("yet " + count_text(e.died_old) + " old ones were freed meanwhile");
  }
  if (f.hours_to_limit) {
    f.facts.push_back("at this rate the " + base::format_bytes(*policy.limit_bytes) +
                      " limit is reached in ~" + duration_text(*f.hours_to_limit * kNsPerHour));
  }
  f.explanation = explanation(f, timeline, policy, interval_bytes);
}

}  // namespace holdfast::diagnose
