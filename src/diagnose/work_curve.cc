#include "diagnose/work_curve.h"

#include <algorithm>
#include <cmath>

namespace holdfast::diagnose {
namespace {

// Below this share of freed bytes, what was freed is mostly sampling noise.
constexpr double kLeastFreed = 0.05;

}  // namespace

WorkCurve::WorkCurve(const profile::HeapHistory& history) {
  points_.push_back({0, 0});
  // Points from outside may be anything: only those that go forward count.
  for (const profile::WorkPoint& p : history.work) {
    if (p.time_ns > points_.back().time_ns && std::isfinite(p.work) && p.work >= points_.back().work)
      points_.push_back(p);
  }
  if (!(points_.back().work > 0)) use_wall_time(history);
}

WorkCurve WorkCurve::pace(const profile::HeapHistory& history) {
  WorkCurve curve(history);
  if (curve.is_wall_time_ || history.work_unit != kBytesAllocated) return curve;
  const double allocated = curve.total();
  curve.take_off_what_lives(history);
  if (!(curve.total() > kLeastFreed * allocated)) curve.use_wall_time(history);
  return curve;
}

void WorkCurve::use_wall_time(const profile::HeapHistory& history) {
  is_wall_time_ = true;
  const std::int64_t end = std::max<std::int64_t>(history.uptime_ns, 1);
  points_ = {{0, 0}, {end, static_cast<double>(end)}};
}

void WorkCurve::take_off_what_lives(const profile::HeapHistory& history) {
  std::vector<double> born(points_.size());  // bytes alive that were born since the point before
  for (const profile::SiteHistory& site : history.sites) {
    for (const profile::Cohort& c : site.live) {
      if (!(c.bytes > 0) || !std::isfinite(c.bytes)) continue;
      const auto at = std::ranges::lower_bound(points_, c.birth_ns, {}, &profile::WorkPoint::time_ns);
      if (at != points_.end()) born[static_cast<std::size_t>(at - points_.begin())] += c.bytes;
    }
  }
  double alive = 0, before = 0;
  for (std::size_t i = 0; i < points_.size(); ++i) {
    alive += born[i];
    // Both sums are estimates: their difference may wobble, a clock may not.
    before = std::max(before, points_[i].work - alive);
    points_[i].work = before;
  }
}

double WorkCurve::work_at(double time_ns) const {
  const auto after = std::ranges::upper_bound(
      points_, time_ns, {}, [](const profile::WorkPoint& p) { return static_cast<double>(p.time_ns); });
  if (after == points_.begin()) return 0;
  if (after == points_.end()) return points_.back().work;
  const profile::WorkPoint& before = *(after - 1);
  const double part =
      (time_ns - static_cast<double>(before.time_ns)) / static_cast<double>(after->time_ns - before.time_ns);
  return before.work + part * (after->work - before.work);
}

double WorkCurve::time_at(double work) const {
  const auto after = std::ranges::lower_bound(points_, work, {}, &profile::WorkPoint::work);
  if (after == points_.begin()) return 0;
  if (after == points_.end()) return static_cast<double>(points_.back().time_ns);
  const profile::WorkPoint& before = *(after - 1);
  const double part = after->work > before.work ? (work - before.work) / (after->work - before.work) : 0;
  return static_cast<double>(before.time_ns) + part * static_cast<double>(after->time_ns - before.time_ns);
}

}  // namespace holdfast::diagnose
