// Sends the rounds of `holdfast ci` and keeps the snapshots that the verdict needs. Main thread; blocks on
// the target and on the drive command.
#pragma once

#include <holdfast/result.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "diagnose/rounds.h"
#include "progress.h"
#include "target.h"

namespace holdfast::tool {

struct RoundsPlan {
  std::string drive;
  int warm_up = 2;
  int measured = 9;    // at least 3; the last is the guard
  int confirming = 9;  // 0: do not confirm
  std::optional<double> requests_per_round = {};
  std::chrono::milliseconds settle{10'000};
};

class RoundsRun {
 public:
  RoundsRun(Target& target, const RoundsPlan& plan, Progress& progress)
      : target_(target), plan_(plan), progress_(progress) {}

  // The rounds that come before any is measured. Afterwards the snapshot they end with says how the heap is
  // sampled, and by what work is counted.
  Result<void> warm_up();

  // `rounds` more rounds, the last the guard.
  Result<diagnose::Stretch> send(int rounds, const std::string& what);

  // Valid after warm_up().
  const profile::Profile& last() const { return last_; }
  const std::string& work_unit() const { return work_unit_; }
  double work_per_round() const { return work_per_round_; }
  const std::vector<double>& in_use_bytes() const { return in_use_; }
  const std::vector<std::string>& notes() const { return notes_; }

 private:
  Result<void> round(const std::string& what);
  Result<void> compare_with_last(const profile::Profile& next) const;
  double work_between(const profile::Profile& from, const profile::Profile& to, int rounds) const;
  void choose_work_unit(const profile::Profile& before);

  Target& target_;
  const RoundsPlan& plan_;
  Progress& progress_;
  int sent_ = 0;
  profile::Profile last_;
  bool counts_work_ = false;  // the program does
  std::string work_unit_;
  double work_per_round_ = 0;
  std::vector<double> in_use_;
  std::vector<std::string> notes_;
  int restless_ = 0;
};

}  // namespace holdfast::tool
