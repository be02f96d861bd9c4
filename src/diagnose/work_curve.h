// The work clock of a profile as a function of time, and back. Pure, allocation-free once built.
#pragma once

#include <vector>

#include "profile/history.h"

namespace holdfast::diagnose {

class WorkCurve {
 public:
  // Falls back on wall time where the program did no work that was counted.
  explicit WorkCurve(const profile::HeapHistory& history);

  double work_at(double time_ns) const;
  // The moment at which that much work was done; within the curve's range.
  double time_at(double work) const;
  double total() const { return points_.back().work; }
  bool is_wall_time() const { return is_wall_time_; }

 private:
  std::vector<profile::WorkPoint> points_;  // ascending, at least two
  bool is_wall_time_ = false;
};

}  // namespace holdfast::diagnose
