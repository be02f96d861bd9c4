// What a diagnosis says: plain values that the reports turn into text. No behaviour but names.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "diagnose/interval.h"
#include "diagnose/site.h"

namespace holdfast::diagnose {

enum class Grade { leak, suspect, growing_container, retained, turnover, unresolved, too_little_data };
// As JSON writes it: "leak", "growing_container".
const char* name(Grade grade);
// As people read it: "LEAK", "GROWING CONTAINER".
const char* title(Grade grade);

// An estimate with its 95 % interval.
struct Estimate {
  double value = 0;
  Interval interval;
};

struct Finding {
  Grade grade = Grade::too_little_data;
  Site site;
  Estimate in_use;                           // bytes
  std::uint64_t samples = 0;                 // survivors the rate rests on
  std::optional<Estimate> bytes_per_hour;
  std::optional<Estimate> bytes_per_work;    // per unit of the program's own work
  std::optional<double> hours_to_limit;
  std::optional<Estimate> growth;            // bytes since an earlier snapshot of the series

  // The tests behind the grade (docs/reading_a_verdict.md); 1 where they could not be made.
  double p_survive_leak = 1;                 // "of those that reached age a, 85 % live on per doubling" is not so
  double p_survive_suspect = 1;              // the same with 70 %
  double p_birth = 1;                        // what was kept of the younger half's work is within the budget
  double fade = 0;                           // kept of the younger half / kept of the older half of the work
  double q_value = 1;                        // of max(p_survive, p_birth) over all sites tested; shown, never gated on

  std::vector<std::string> facts;            // one line each, the evidence
  std::string reason;                        // why it is not a leak, or what would decide it
};

struct Diagnosis {
  std::vector<Finding> findings;  // worst grade first, then the largest rate or size
  double interval_bytes = 0;      // 1 in exact mode; 0 when the profile does not say
  double uptime_seconds = 0;
  double warm_up_seconds = 0;
  double work = 0;
  std::string work_unit;
  double floor_bytes = 0;         // a site that leaked less cannot be seen
  double in_use_bytes = 0;
  std::string allocator;
  bool has_ages = false;
  bool inconclusive = false;      // nothing could be judged, and why stands in `notes`
  std::vector<std::string> notes; // warnings about the profile itself
  std::vector<profile::Counter> counters;

  bool has_leak() const;
};

}  // namespace holdfast::diagnose
