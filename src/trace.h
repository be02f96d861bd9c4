// HOLDFAST_TRACE: one line per period on stderr, from a quiet thread of its own.
#pragma once

#include <holdfast/result.h>

#include <chrono>
#include <memory>
#include <string>

#include "growth.h"
#include "quiet_thread.h"

namespace holdfast {

class Trace {
 public:
  static constexpr std::chrono::milliseconds kShortestPeriod{100};
  static constexpr std::chrono::hours kLongestPeriod{24};

  // Error when the period is out of this range, or no thread can be had.
  static Result<std::unique_ptr<Trace>> start(std::chrono::nanoseconds period);

 private:
  Trace() = default;
  std::string line();

  Growth growth_{0};
  double allocated_before_ = 0, in_use_before_ = 0;
  std::int64_t time_before_ns_ = 0;
  std::unique_ptr<QuietThread> thread_;  // last: it ends first
};

}  // namespace holdfast
