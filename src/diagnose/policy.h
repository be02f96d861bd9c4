// What a person decides about verdicts. Plain values with their defaults and the reasons for them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace holdfast::diagnose {

// A size a site may reach: full caches look like leaks until they are full, and no data can tell them apart.
struct Bound {
  std::string site;  // a part of the name of one of its application functions
  double bytes = 0;
};

struct Policy {
  // What one site may keep and still be called clean: 0.25 MB/h is 6 MB a day, 180 MB a month.
  double budget_bytes_per_hour = 0.25e6;
  // Allocations before it are a start, not a trend; by default a tenth of the uptime, at most 15 minutes.
  std::optional<double> warm_up_seconds = {};
  // The memory this process may use, for "at this rate the limit is reached in".
  std::optional<double> limit_bytes = {};
  std::vector<Bound> bounds = {};
};

}  // namespace holdfast::diagnose
