#include "rounds_run.h"

#include <utility>

#include "base/units.h"
#include "diagnose/compare.h"
#include "diagnose/work_curve.h"
#include "drive.h"
#include "quiet.h"

namespace holdfast::tool {
namespace {

double counted_work(const profile::Profile& p) {
  return p.history && !p.history->work.empty() ? p.history->work.back().work : 0;
}

std::uint64_t interval_now(const profile::Profile& p) {
  return p.history && !p.history->intervals.empty() ? p.history->intervals.back().interval_bytes
                                                    : static_cast<std::uint64_t>(p.period);
}

}  // namespace

Result<void> RoundsRun::warm_up() {
  auto first = target_.snapshot();
  if (!first) return first.error();
  last_ = std::move(*first);
  const profile::Profile before = last_;
  for (int i = 0; i < plan_.warm_up; ++i) {
    if (auto done = round("warm-up"); !done) return done;
  }
  choose_work_unit(before);
  if (interval_now(last_) == 0)
    return Error{"the program's recording is stopped", "start it: the endpoint's page has a switch"};
  return {};
}

void RoundsRun::choose_work_unit(const profile::Profile& before) {
  // Before its first request a program counts bytes.
  const bool same_unit =
      before.history && last_.history && before.history->work_unit == last_.history->work_unit;
  const double counted = counted_work(last_) - (same_unit ? counted_work(before) : 0);
  counts_work_ = !plan_.requests_per_round && last_.history &&
                 last_.history->work_unit != diagnose::kBytesAllocated && counted > 0;
  work_unit_ = plan_.requests_per_round ? "requests" : counts_work_ ? last_.history->work_unit : "rounds";
  work_per_round_ = plan_.requests_per_round ? *plan_.requests_per_round
                    : counts_work_           ? counted / plan_.warm_up
                                             : 1;
}

Result<diagnose::Stretch> RoundsRun::send(int rounds, const std::string& what) {
  const int older = (rounds - 1) / 2, younger = rounds - 1 - older;
  diagnose::Stretch stretch;
  stretch.base = last_;
  for (int i = 1; i <= rounds; ++i) {
    if (auto done = round(what); !done) return done.error();
    if (i == older) stretch.middle = last_;
    if (i == rounds - 1) stretch.end = last_;
  }
  stretch.guarded = last_;
  stretch.work_older = work_between(stretch.base, stretch.middle, older);
  stretch.work_younger = work_between(stretch.middle, stretch.end, younger);
  if (!(stretch.work_older > 0) || !(stretch.work_younger > 0)) {
    return Error{"the program served no " + work_unit_ + " in some of the rounds",
                 "check that --drive reaches it, and that its requests are counted; or give --requests N"};
  }
  return stretch;
}

double RoundsRun::work_between(const profile::Profile& from, const profile::Profile& to, int rounds) const {
  return counts_work_ ? counted_work(to) - counted_work(from) : rounds * work_per_round_;
}

Result<void> RoundsRun::round(const std::string& what) {
  const int total =
      plan_.warm_up + plan_.measured + (sent_ < plan_.warm_up + plan_.measured ? 0 : plan_.confirming);
  progress_.set_total(total);
  progress_.show(sent_, what + ": sending requests");
  if (auto driven = drive(plan_.drive, sent_); !driven) {
    // A server that has crashed is the reason, not its client.
    auto alive = target_.snapshot();
    return alive ? driven
                 : Result<void>(
                       Error{alive.error().what + " (while round " + std::to_string(sent_ + 1) + " was sent)",
                             alive.error().hint});
  }
  progress_.show(sent_, what + ": waiting until it is quiet");
  auto rest = wait_until_quiet(target_, plan_.settle);
  if (!rest) {
    return Error{rest.error().what + " (after round " + std::to_string(sent_ + 1) + ")", rest.error().hint};
  }
  if (auto same = compare_with_last(rest->snapshot); !same) return same;
  restless_ += !rest->is_quiet;
  if (!rest->is_quiet && restless_ == 1) {
    notes_.push_back("the program was not quiet within " + base::format_duration(plan_.settle) +
                     " of a round: its snapshot holds what was under way");
  }
  last_ = std::move(rest->snapshot);
  in_use_.push_back(rest->in_use_bytes);
  ++sent_;
  return {};
}

Result<void> RoundsRun::compare_with_last(const profile::Profile& next) const {
  if (last_.history.has_value() != next.history.has_value() ||
      (next.history && !diagnose::is_same_process(last_, next))) {
    return Error{"the program has been restarted between two rounds",
                 "find out why first: no verdict can be told of two processes together"};
  }
  if (interval_now(last_) != interval_now(next))
    return Error{"the sampling interval was changed between two rounds", "leave it alone while ci runs"};
  return {};
}

}  // namespace holdfast::tool
