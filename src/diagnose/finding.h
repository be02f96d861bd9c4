// What a diagnosis says: plain values that the reports turn into text. Made by judge(); any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "diagnose/holder.h"
#include "diagnose/interval.h"
#include "diagnose/policy.h"
#include "diagnose/site.h"

namespace holdfast::diagnose {

// Worst first.
enum class Grade { leak, suspect, growing_container, retained, turnover, too_little_data };
// As JSON writes it: "leak", "growing_container".
const char* name(Grade grade);
// As people read it: "LEAK", "GROWING CONTAINER".
const char* title(Grade grade);

// Why a finding has its grade.
enum class Reason {
  survives_and_grows,  // leak, suspect
  container_doubles,   // growing_container
  grew_without_ages,   // suspect: a series of profiles that carry no ages
  within_bound,        // retained: a person declared how much it may hold
  born_at_start,       // retained: all of it is older than the warm-up
  fades,               // retained: the younger half of the work kept less than a third of the older
  within_budget,       // retained: grows, but slower than the budget
  objects_die,         // turnover
  replaced,            // turnover: long-lived objects are freed about as fast as new ones stay
  not_resolved_yet,    // too_little_data: objects live too long for this uptime
  too_few_samples,     // too_little_data
  grows_every_half,    // leak, suspect: of the rounds of `holdfast ci`
  not_confirmed,       // retained: of the rounds of `holdfast ci`, the later ones kept no more
};
// As JSON writes it: "fades".
const char* name(Reason reason);

// An estimate with its 95 % interval.
struct Estimate {
  double value = 0;
  Interval interval;
};

// The numbers behind a grade (docs/reading_a_verdict.md); a p is 1 where its test could not be made.
struct Evidence {
  double from_age_ns = 0, to_age_ns = 0;     // the horizon [a, b) that says more
  double reached = 0;                        // samples that reached age a
  double died = 0;                           // of which freed before age b
  double kept_older = 0, kept_younger = 0;   // survivors by halves of the work
  double died_old = 0;                       // samples freed at the survivors' least age or later
  std::optional<double> median_lifetime_ns;  // of the freed ones
  std::optional<double> longest_lifetime_ns;
  double p_survive_leak = 1;     // "of those that reach an age, 85 % live on to twice that age" is not so
  double p_survive_suspect = 1;  // the same with 70 %
  double p_birth = 1;            // the younger half kept no more than the budget
  double fade = 0;               // kept of the younger half / kept of the older half
  double q_value = 1;            // of max(p_survive, p_birth) over all sites tested; shown, never gated on
};

// What a site held at one snapshot of a series.
struct GrowthPoint {
  double uptime_seconds = 0;
  double in_use_bytes = 0;
};

// A finding against the baseline of its function (baseline.h).
enum class BaselineState { none, is_new, worse, same };
// As JSON writes it: "new"; "" for none.
const char* name(BaselineState state);

struct Finding {
  Grade grade = Grade::too_little_data;
  Reason reason = Reason::too_few_samples;
  Site site;
  Estimate in_use;            // bytes
  std::uint64_t samples = 0;  // survivors the rate rests on
  std::optional<Estimate> bytes_per_hour;
  std::optional<Estimate> bytes_per_work;  // per unit of the program's own work
  std::optional<double> hours_to_limit;
  std::optional<Estimate> growth;              // bytes since the first snapshot of the series
  std::vector<GrowthPoint> series;             // oldest first; empty for a single snapshot
  std::optional<double> slope_bytes_per_hour;  // Theil and Sen's, through `series`; for display only
  Evidence evidence;
  std::vector<std::string> facts;  // one line each, the evidence in words
  std::optional<Holders> holders;  // who keeps it, where the process could be asked
  std::string explanation;         // the reason in words, and what would change the verdict
  std::string suppressed_by;       // the suppression that covers it, and why; empty: none
  BaselineState baseline = BaselineState::none;

  // A leak, a suspect or a growing container that neither a suppression nor a baseline has accepted.
  bool is_alarming() const;
};

// A declared bound against what its sites hold together.
struct BoundCheck {
  Bound bound;
  Estimate in_use;
  bool is_exceeded = false;  // even the lower end of the interval lies above the bound
};

// What became of a site that the baseline knows as leaking.
struct BaselineChange {
  std::string fingerprint;
  std::string site;
  bool is_fixed = false;  // still allocates, keeps no more; otherwise no such site is left
};

// What `holdfast ci` did before it judged.
struct Rounds {
  int warm_up = 0, measured = 0, confirming = 0;
  double work_per_round = 0;
  double budget_bytes_per_work = 0;
  double floor_bytes_per_work = 0;   // leaks below it cannot be seen; 0 in exact mode
  std::vector<double> in_use_bytes;  // after each round, the warm-up's included
};

enum class Outcome { clean, leak, inconclusive };

struct Diagnosis {
  std::vector<Finding> findings;  // worst grade first, then the largest rate or size
  std::vector<BoundCheck> bounds;
  double interval_bytes = 0;  // 1 in exact mode; 0 when the profile does not say
  double uptime_seconds = 0;
  double warm_up_seconds = 0;
  double work = 0;
  std::string work_unit;
  double floor_bytes = 0;  // a site that leaked less cannot be seen; 0 in exact mode
  Estimate in_use;         // bytes, all sites
  std::string allocator;
  std::string unwinder;
  std::optional<profile::MemoryTable> memory;  // where the process' resident memory was, if the profile tells
  bool has_ages = false;
  bool inconclusive = false;       // nothing could be judged, and why stands in `notes`
  std::vector<std::string> notes;  // warnings about the profile itself
  std::vector<profile::Counter> counters;
  std::vector<BaselineChange> gone;  // leaks of the baseline that are none any more
  std::optional<Rounds> rounds;      // only of `holdfast ci`

  // Both leave out what a suppression or the baseline has accepted.
  bool has_leak() const;
  bool has_suspect() const;  // or a growing container
  // A leak or an exceeded bound outweighs all; otherwise a suspect leaves the answer open.
  Outcome outcome() const;
};

}  // namespace holdfast::diagnose
