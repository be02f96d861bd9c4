// The work clock of a profile as a function of time, and back. Pure, allocation-free once built.
#pragma once

#include <vector>

#include "profile/history.h"

namespace holdfast::diagnose {

class WorkCurve {
 public:
  // The work the program counted, in its unit. Falls back on wall time where it did none.
  explicit WorkCurve(const profile::HeapHistory& history);

  // The clock by which growth is judged. Requests where they are counted. Where work is bytes allocated, only
  // bytes that were freed again count: a start that builds tables, or a cache that fills, would otherwise be
  // the very clock it is measured by, and never seem to fade. Wall time where next to nothing was freed.
  static WorkCurve pace(const profile::HeapHistory& history);

  double work_at(double time_ns) const;
  // The moment at which that much work was done; within the curve's range.
  double time_at(double work) const;
  double total() const { return points_.back().work; }
  bool is_wall_time() const { return is_wall_time_; }

 private:
  void use_wall_time(const profile::HeapHistory& history);
  void take_off_what_lives(const profile::HeapHistory& history);

  std::vector<profile::WorkPoint> points_;  // ascending, at least two
  bool is_wall_time_ = false;
};

// The unit of a program that counts no work of its own.
inline constexpr const char* kBytesAllocated = "bytes allocated";

}  // namespace holdfast::diagnose
