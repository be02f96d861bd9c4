// What changed between two snapshots. Within one process births and deaths are told apart, since what lives in both
// cancels exactly; between two processes only rates per unit of work compare. Pure, any thread; allocates.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "diagnose/finding.h"
#include "profile/profile.h"

namespace holdfast::diagnose {

struct Change {
  Site site;                   // as in the current snapshot, or in the base if it is gone
  double base_bytes = 0;       // in use
  double current_bytes = 0;
  std::optional<double> born_bytes;  // one process: born since the base and still alive
  std::optional<double> died_bytes;  // one process: alive at the base, freed since
  Estimate growth;             // bytes; two processes: current minus base, whose interval holds the variance of both
  std::optional<double> growth_per_work;
};

struct Comparison {
  bool same_process = false;
  double seconds = 0;                 // between the two
  double work = 0;                    // done between the two (one process), else 0
  std::string work_unit;
  std::vector<Change> changes;        // largest growth first; sites that did not change are left out
  std::vector<std::string> warnings;  // different interval, build or process
};

Comparison compare(const profile::Profile& base, const profile::Profile& current);

}  // namespace holdfast::diagnose
