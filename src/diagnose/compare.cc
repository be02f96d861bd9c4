#include "diagnose/compare.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <unordered_map>

#include "diagnose/evidence.h"
#include "diagnose/series.h"
#include "diagnose/work_curve.h"

namespace holdfast::diagnose {
namespace {

std::string build_id(const profile::Profile& p) {
  return p.mappings.empty() ? std::string() : p.mappings[0].build_id;
}

struct Sum {
  double bytes = 0, variance = 0;
};

// Live samples born within [from, to).
Sum born_between(const Site* site, double from_ns, double to_ns) {
  Sum sum;
  if (site == nullptr) return sum;
  for (const profile::Cohort& c : site->live) {
    const auto birth = static_cast<double>(c.birth_ns);
    if (birth < from_ns || birth >= to_ns) continue;
    sum.bytes += c.bytes;
    sum.variance += c.variance;
  }
  return sum;
}

// One way to measure a change; `before` or `after` may be null.
class Measure {
 public:
  virtual ~Measure() = default;
  virtual void operator()(Change& change, const Site* before, const Site* after) const = 0;
};

class BirthsAndDeaths final : public Measure {
 public:
  BirthsAndDeaths(const profile::Profile& base, const profile::Profile& current, double work)
      : base_end_ns_(static_cast<double>(base.history->uptime_ns)),
        interval_(static_cast<double>(current.period)),
        work_(work) {}

  void operator()(Change& change, const Site* before, const Site* after) const override {
    const Sum born = born_between(after, base_end_ns_, HUGE_VAL);
    const Sum kept = born_between(after, -HUGE_VAL, base_end_ns_);
    const Sum all = born_between(before, -HUGE_VAL, HUGE_VAL);
    // Each sample brings its own variance, so what died has the rest.
    const Sum died{std::max(0.0, all.bytes - kept.bytes), std::max(0.0, all.variance - kept.variance)};
    change.born_bytes = born.bytes;
    change.died_bytes = died.bytes;
    change.growth = {
        born.bytes - died.bytes,
        difference_interval(born.bytes, sampling_interval(born.bytes, born.variance, interval_), died.bytes,
                            sampling_interval(died.bytes, died.variance, interval_))};
    if (work_ > 0) change.growth_per_work = change.growth.value / work_;
  }

 private:
  double base_end_ns_, interval_, work_;
};

class Rates final : public Measure {
 public:
  Rates(const profile::Profile& base, const profile::Profile& current, bool per_work)
      : base_(base, per_work), current_(current, per_work) {}

  void operator()(Change& change, const Site* before, const Site* after) const override {
    const Estimate was = base_.kept(before), is = current_.kept(after);
    change.base_rate = was.value;
    change.current_rate = is.value;
    change.growth = {is.value - was.value,
                     difference_interval(is.value, is.interval, was.value, was.interval)};
  }

 private:
  struct Side {
    Side(const profile::Profile& p, bool per_work)
        : timeline(*p.history, Policy()), interval(static_cast<double>(p.period)) {
      const double from = timeline.warm_up_ns, to = timeline.old_enough_ns;
      amount =
          per_work ? timeline.counted.work_at(to) - timeline.counted.work_at(from) : (to - from) / 3600e9;
    }

    Estimate kept(const Site* site) const {
      if (!(amount > 0)) return {};
      const Survivors s = site == nullptr ? Survivors() : survivors_of(*site, timeline);
      const Interval sum = gamma_interval(s.bytes, s.bytes_squared, std::max(interval, s.largest_weight));
      return {s.bytes / amount, {sum.lower / amount, sum.upper / amount}};
    }

    Timeline timeline;
    double interval;
    double amount;
  };

  Side base_, current_;
};

class Levels final : public Measure {
 public:
  Levels(const profile::Profile& base, const profile::Profile& current)
      : base_interval_(static_cast<double>(base.period)),
        current_interval_(static_cast<double>(current.period)) {}

  void operator()(Change& change, const Site* before, const Site* after) const override {
    const Estimate was = in_use_of(before == nullptr ? Site() : *before, base_interval_);
    const Estimate is = in_use_of(after == nullptr ? Site() : *after, current_interval_);
    change.growth = {is.value - was.value,
                     difference_interval(is.value, is.interval, was.value, was.interval)};
  }

 private:
  double base_interval_, current_interval_;
};

bool counts_work(const profile::Profile& p) {
  return p.history->work_unit != kBytesAllocated && !WorkCurve(*p.history).is_wall_time();
}

void warn(const profile::Profile& base, const profile::Profile& current, Comparison& out) {
  if (out.basis == Basis::rates) {
    out.warnings.push_back(
        "the snapshots are of different processes: compared is what each keeps per unit of work");
  }
  if (out.basis == Basis::levels) {
    out.warnings.push_back("a snapshot without ages: births and deaths cannot be told apart");
  }
  if (base.period != current.period)
    out.warnings.push_back("the snapshots were sampled at different intervals");
  if (build_id(base) != build_id(current)) out.warnings.push_back("the snapshots are of different builds");
}

std::unique_ptr<Measure> measure_of(const profile::Profile& base, const profile::Profile& current,
                                    Comparison& out) {
  const bool have_ages = base.history && current.history;
  if (!have_ages) return std::make_unique<Levels>(base, current);
  out.work_unit = current.history->work_unit;
  if (out.same_process) {
    out.basis = Basis::births_and_deaths;
    const WorkCurve curve(*current.history);
    const auto base_end_ns = static_cast<double>(base.history->uptime_ns);
    if (!curve.is_wall_time()) out.work = curve.total() - curve.work_at(base_end_ns);
    return std::make_unique<BirthsAndDeaths>(base, current, out.work);
  }
  out.basis = Basis::rates;
  const bool per_work = base.history->work_unit == out.work_unit && counts_work(base) && counts_work(current);
  out.rate_unit = per_work ? out.work_unit : "hour";
  return std::make_unique<Rates>(base, current, per_work);
}

}  // namespace

const char* name(Basis basis) {
  switch (basis) {
    case Basis::births_and_deaths:
      return "births_and_deaths";
    case Basis::rates:
      return "rates";
    case Basis::levels:
      break;
  }
  return "levels";
}

bool is_same_process(const profile::Profile& earlier, const profile::Profile& later) {
  return earlier.history && later.history && earlier.history->process_id == later.history->process_id &&
         earlier.history->process_start_ns == later.history->process_start_ns &&
         earlier.history->uptime_ns <= later.history->uptime_ns;
}

Comparison compare(const profile::Profile& base, const profile::Profile& current) {
  Comparison out;
  out.same_process = is_same_process(base, current);
  out.seconds = static_cast<double>(current.time_nanos) / 1e9 - static_cast<double>(base.time_nanos) / 1e9;
  const std::unique_ptr<Measure> measure = measure_of(base, current, out);
  warn(base, current, out);

  // In one process a place is a place; builds and processes agree on functions only.
  const Grouping grouping = out.same_process ? Grouping::place : Grouping::function;
  const std::vector<Site> before = sites_of(base, grouping);
  const std::vector<Site> after = sites_of(current, grouping);
  const auto key = [&](const Site& site) {
    return out.same_process ? std::to_string(site.place) : site.fingerprint;
  };
  std::unordered_map<std::string, const Site*> earlier;
  for (const Site& site : before) earlier.emplace(key(site), &site);
  const auto add = [&](const Site* was, const Site* is) {
    Change change;
    change.site = is != nullptr ? *is : *was;
    change.base_bytes = was != nullptr ? was->inuse_bytes : 0;
    change.current_bytes = is != nullptr ? is->inuse_bytes : 0;
    (*measure)(change, was, is);
    // Rates are told to fractions of a byte, bytes are whole.
    if (std::abs(change.growth.value) >= (out.basis == Basis::rates ? 1e-6 : 0.5))
      out.changes.push_back(std::move(change));
  };
  for (const Site& site : after) {
    const auto known = earlier.find(key(site));
    add(known == earlier.end() ? nullptr : known->second, &site);
    if (known != earlier.end()) earlier.erase(known);
  }
  for (const Site& site : before) {
    if (earlier.contains(key(site))) add(&site, nullptr);
  }
  std::ranges::stable_sort(out.changes,
                           [](const Change& a, const Change& b) { return a.growth.value > b.growth.value; });
  return out;
}

}  // namespace holdfast::diagnose
