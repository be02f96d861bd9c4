#include "diagnose/series.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "base/units.h"
#include "diagnose/bounds.h"
#include "diagnose/compare.h"

namespace holdfast::diagnose {
namespace {

constexpr double kSecondsPerHour = 3600;
constexpr double kSurelyGrown = 3.29;  // z of p = 0.001, two-sided
// Of longer series, so many points show the course; the slopes between all pairs are quadratic.
constexpr std::size_t kMostPoints = 200;

double seconds_since(const profile::Profile& first, const profile::Profile& later) {
  return static_cast<double>(later.time_nanos - first.time_nanos) / 1e9;
}

std::vector<const profile::Profile*> of_one_process(const std::vector<profile::Profile>& series) {
  std::vector<const profile::Profile*> kept;
  for (const profile::Profile& p : series) {
    if (&p == &series.back() || is_same_process(p, series.back())) kept.push_back(&p);
  }
  return kept;
}

void add_points(const std::vector<const profile::Profile*>& series, std::vector<Finding>& findings) {
  std::unordered_map<std::uint64_t, Finding*> by_place;
  for (Finding& f : findings) {
    if (f.grade <= Grade::growing_container) by_place.emplace(f.site.place, &f);
  }
  const std::size_t step = series.size() / kMostPoints + 1;
  for (std::size_t i = (series.size() - 1) % step; i < series.size(); i += step) {
    const double uptime = static_cast<double>(series[i]->history->uptime_ns) / 1e9;
    for (auto& [place, finding] : by_place) finding->series.push_back({uptime, 0});
    for (const Site& site : sites_of(*series[i])) {
      if (const auto f = by_place.find(site.place); f != by_place.end()) {
        f->second->series.back().in_use_bytes = site.inuse_bytes;
      }
    }
  }
  for (auto& [place, finding] : by_place) finding->slope_bytes_per_hour = theil_sen(finding->series);
}

// One site of a series without ages.
struct Course {
  std::vector<double> bytes;  // in use, one per snapshot
  const Site* last = nullptr;
};

bool grew(const Course& course, double interval_bytes, double least_bytes) {
  const double first = course.bytes.front(), last = course.bytes.back();
  const double growth = last - first;
  if (growth < least_bytes ||
      growth < kSurelyGrown * std::sqrt(std::max(1.0, interval_bytes) * (first + last)))
    return false;
  if (course.bytes.size() < 3) return true;
  const double middle = course.bytes[course.bytes.size() / 2];
  return middle > first && last > middle && last - middle >= growth / 4;
}

}  // namespace

double sampling_variance(const Site& site, double interval_bytes) {
  if (!site.has_history) return std::max(0.0, interval_bytes * site.inuse_bytes);
  double variance = 0;
  for (const profile::Cohort& c : site.live) variance += c.variance;
  return variance;
}

Estimate in_use_of(const Site& site, double interval_bytes) {
  return {site.inuse_bytes,
          sampling_interval(site.inuse_bytes, sampling_variance(site, interval_bytes), interval_bytes)};
}

double theil_sen(const std::vector<GrowthPoint>& points) {
  std::vector<double> slopes;
  for (std::size_t i = 0; i < points.size(); ++i) {
    for (std::size_t j = i + 1; j < points.size(); ++j) {
      const double hours = (points[j].uptime_seconds - points[i].uptime_seconds) / kSecondsPerHour;
      if (hours > 0) slopes.push_back((points[j].in_use_bytes - points[i].in_use_bytes) / hours);
    }
  }
  if (slopes.empty()) return 0;
  const auto middle = slopes.begin() + static_cast<std::ptrdiff_t>(slopes.size() / 2);
  std::ranges::nth_element(slopes, middle);
  if (slopes.size() % 2 == 1) return *middle;
  return (*middle + *std::max_element(slopes.begin(), middle)) / 2;
}

void add_growth(const std::vector<profile::Profile>& series, Diagnosis& d) {
  const std::vector<const profile::Profile*> kept = of_one_process(series);
  if (kept.size() < series.size()) {
    d.notes.push_back(
        std::to_string(series.size() - kept.size()) +
        " of the earlier snapshots are of another process, or later than the last one: left out");
  }
  if (kept.size() < 2) return;
  const Comparison comparison = compare(*kept.front(), *kept.back());
  std::unordered_map<std::uint64_t, const Change*> changes;
  for (const Change& change : comparison.changes) changes.emplace(change.site.place, &change);
  for (Finding& f : d.findings) {
    const auto change = changes.find(f.site.place);
    f.growth = change == changes.end() ? Estimate{} : change->second->growth;
  }
  add_points(kept, d.findings);
}

void suspect_growth(const std::vector<profile::Profile>& series, const Policy& policy, Diagnosis& d) {
  const std::vector<Site> last = sites_of(series.back(), Grouping::function);
  std::unordered_map<std::string, Course> courses;
  for (const Site& site : last) courses[site.fingerprint] = {std::vector<double>(series.size(), 0.0), &site};
  for (std::size_t i = 0; i < series.size(); ++i) {
    for (const Site& site : sites_of(series[i], Grouping::function)) {
      if (const auto c = courses.find(site.fingerprint); c != courses.end())
        c->second.bytes[i] = site.inuse_bytes;
    }
  }
  const double hours = std::max(0.0, seconds_since(series.front(), series.back()) / kSecondsPerHour);
  const double least =
      std::max(policy.budget_bytes_per_hour * hours, floor_bytes(std::max(1.0, d.interval_bytes)));
  for (const Site& site : last) {
    const Course& course = courses.at(site.fingerprint);
    if (!grew(course, d.interval_bytes, least)) continue;
    if (is_within_bound(site, d.bounds)) continue;
    Finding& f = d.findings.emplace_back();
    f.grade = Grade::suspect;
    f.reason = Reason::grew_without_ages;
    f.site = site;
    f.in_use = in_use_of(site, d.interval_bytes);
    const double growth = course.bytes.back() - course.bytes.front();
    const double spread =
        1.96 * std::sqrt(std::max(0.0, d.interval_bytes) * (course.bytes.front() + course.bytes.back()));
    f.growth = Estimate{growth, {growth - spread, growth + spread}};
    if (hours > 0)
      f.bytes_per_hour = Estimate{growth / hours, {(growth - spread) / hours, (growth + spread) / hours}};
    for (std::size_t i = 0; i < series.size(); ++i) {
      f.series.push_back({seconds_since(series.front(), series[i]), course.bytes[i]});
    }
    f.slope_bytes_per_hour = theil_sen(f.series);
    f.facts.push_back("in use went from " + base::format_bytes(course.bytes.front()) + " to " +
                      base::format_bytes(course.bytes.back()) + " over " + std::to_string(series.size()) +
                      " snapshots");
    f.explanation = "these profiles carry no ages, so growth is all there is: a leak, or more load";
  }
  std::ranges::stable_sort(d.findings, std::greater{}, [](const Finding& f) { return f.growth->value; });
}

}  // namespace holdfast::diagnose
