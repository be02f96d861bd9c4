#include "diagnose/compare.h"

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "diagnose/work_curve.h"

namespace holdfast::diagnose {
namespace {

bool is_same_process(const profile::Profile& a, const profile::Profile& b) {
  return a.history && b.history && a.history->process_id == b.history->process_id &&
         a.history->process_start_ns == b.history->process_start_ns && a.history->uptime_ns <= b.history->uptime_ns;
}

std::string build_id(const profile::Profile& p) { return p.mappings.empty() ? std::string() : p.mappings[0].build_id; }

struct Sum {
  double bytes = 0, squares = 0;
};

// Live samples born within [from, to).
Sum born_between(const Site& site, double from_ns, double to_ns) {
  Sum sum;
  for (const profile::Cohort& c : site.live) {
    const auto birth = static_cast<double>(c.birth_ns);
    if (birth < from_ns || birth >= to_ns) continue;
    sum.bytes += c.bytes;
    sum.squares += c.bytes_squared;
  }
  return sum;
}

class Comparer {
 public:
  Comparer(const profile::Profile& base, const profile::Profile& current, Comparison& out)
      : out_(out),
        base_interval_(static_cast<double>(base.period)),
        current_interval_(static_cast<double>(current.period)),
        base_end_ns_(base.history ? static_cast<double>(base.history->uptime_ns) : 0) {}

  void add(const Site* before, const Site* after) {
    Change change;
    change.site = after != nullptr ? *after : *before;
    change.base_bytes = before != nullptr ? before->inuse_bytes : 0;
    change.current_bytes = after != nullptr ? after->inuse_bytes : 0;
    if (out_.same_process) {
      within_one_process(change, before, after);
    } else {
      between_processes(change, before, after);
    }
    if (std::abs(change.growth.value) < 0.5) return;
    if (out_.work > 0) change.growth_per_work = change.growth.value / out_.work;
    out_.changes.push_back(std::move(change));
  }

 private:
  void within_one_process(Change& change, const Site* before, const Site* after) const {
    const Sum born = after != nullptr ? born_between(*after, base_end_ns_, HUGE_VAL) : Sum();
    const Sum kept = after != nullptr ? born_between(*after, -HUGE_VAL, base_end_ns_) : Sum();
    Sum all;
    if (before != nullptr) all = born_between(*before, -HUGE_VAL, HUGE_VAL);
    const Sum died{std::max(0.0, all.bytes - kept.bytes), std::max(0.0, all.squares - kept.squares)};
    change.born_bytes = born.bytes;
    change.died_bytes = died.bytes;
    const double next = current_interval_ > 1 ? current_interval_ : 0;
    const Interval gain = current_interval_ > 1 ? gamma_interval(born.bytes, born.squares, next) : Interval{born.bytes, born.bytes};
    const Interval loss = current_interval_ > 1 ? gamma_interval(died.bytes, died.squares, next) : Interval{died.bytes, died.bytes};
    change.growth = {born.bytes - died.bytes, difference_interval(born.bytes, gain, died.bytes, loss)};
  }

  static Interval level(const Site* site, double interval_bytes) {
    if (site == nullptr) return {0, interval_bytes > 1 ? 3.7 * interval_bytes : 0};
    double variance = 0;
    for (const profile::Cohort& c : site->live) variance += c.variance;
    // A profile without history tells nothing of its samples: R times the estimate is the variance of small blocks.
    if (site->live.empty()) variance = interval_bytes * site->inuse_bytes;
    return sampling_interval(site->inuse_bytes, variance, interval_bytes);
  }

  void between_processes(Change& change, const Site* before, const Site* after) const {
    change.growth = {change.current_bytes - change.base_bytes,
                     difference_interval(change.current_bytes, level(after, current_interval_), change.base_bytes,
                                         level(before, base_interval_))};
  }

  Comparison& out_;
  double base_interval_, current_interval_, base_end_ns_;
};

}  // namespace

Comparison compare(const profile::Profile& base, const profile::Profile& current) {
  Comparison out;
  out.same_process = is_same_process(base, current);
  out.seconds = static_cast<double>(current.time_nanos - base.time_nanos) / 1e9;
  if (!out.same_process) {
    out.warnings.push_back(base.history && current.history
                               ? "the snapshots are of different processes: levels differ with uptime and load"
                               : "a snapshot without ages: births and deaths cannot be told apart");
  }
  if (base.period != current.period) out.warnings.push_back("the snapshots were sampled at different intervals");
  if (build_id(base) != build_id(current)) out.warnings.push_back("the snapshots are of different builds");
  if (out.same_process) {
    out.work_unit = current.history->work_unit;
    const WorkCurve curve(*current.history);
    if (!curve.is_wall_time()) {
      out.work = curve.total() - curve.work_at(static_cast<double>(base.history->uptime_ns));
    }
  }

  const std::vector<Site> before = sites_of(base);
  const std::vector<Site> after = sites_of(current);
  std::unordered_map<std::string, const Site*> earlier;
  for (const Site& site : before) earlier.emplace(site.fingerprint, &site);
  Comparer comparer(base, current, out);
  for (const Site& site : after) {
    const auto known = earlier.find(site.fingerprint);
    comparer.add(known == earlier.end() ? nullptr : known->second, &site);
    if (known != earlier.end()) earlier.erase(known);
  }
  for (const Site& site : before) {
    if (earlier.contains(site.fingerprint)) comparer.add(&site, nullptr);
  }
  std::ranges::stable_sort(out.changes, [](const Change& a, const Change& b) { return a.growth.value > b.growth.value; });
  return out;
}

}  // namespace holdfast::diagnose
