// What changed between two snapshots. Within one process births and deaths are told apart, since what lives
// in both cancels exactly; between two processes levels differ with uptime and load, so what they keep per
// unit of work is compared. Pure, any thread; allocates.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "diagnose/finding.h"
#include "profile/profile.h"

namespace holdfast::diagnose {

// What a change is measured in.
enum class Basis {
  births_and_deaths,  // one process: bytes in use
  rates,              // two processes: bytes kept after the warm-up, per unit of work (or per hour)
  levels,             // no ages: bytes in use, with the variance of both
};
// As JSON writes it: "births_and_deaths".
const char* name(Basis basis);

struct Change {
  Site site;              // as in the current snapshot, or in the base if it is gone
  double base_bytes = 0;  // in use
  double current_bytes = 0;
  std::optional<double> born_bytes;  // born since the base and still alive
  std::optional<double> died_bytes;  // alive at the base, freed since
  std::optional<double> base_rate;   // bytes per Comparison::rate_unit
  std::optional<double> current_rate;
  Estimate growth;                        // bytes, or with Basis::rates bytes per Comparison::rate_unit
  std::optional<double> growth_per_work;  // one process whose work is counted
};

struct Comparison {
  Basis basis = Basis::levels;
  bool same_process = false;
  double seconds = 0;  // between the two
  double work = 0;     // done between the two (one process), else 0
  std::string work_unit;
  std::string rate_unit;              // with Basis::rates: "requests" or "hour"
  std::vector<Change> changes;        // largest growth first; sites that did not change are left out
  std::vector<std::string> warnings;  // different interval, build or process
};

Comparison compare(const profile::Profile& base, const profile::Profile& current);

// Whether both are of one process and `earlier` is not the later of the two.
bool is_same_process(const profile::Profile& earlier, const profile::Profile& later);

}  // namespace holdfast::diagnose
