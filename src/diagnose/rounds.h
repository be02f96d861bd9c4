// The verdict of a CI run: the same requests sent round after round, and a snapshot after each, once the
// program is quiet. A place leaks when each half of the rounds leaves more behind. The rule and its
// simulation are in docs/ci.md. Pure, any thread; allocates in proportion to the profiles.
#pragma once

#include <vector>

#include "diagnose/finding.h"
#include "diagnose/policy.h"
#include "profile/profile.h"

namespace holdfast::diagnose {

// A stretch of equal rounds in one process, by the snapshots that frame it. The last round is the guard: by
// its end every object of the others has had the time of a round to die.
struct Stretch {
  profile::Profile base;     // before its first round
  profile::Profile middle;   // after half of the rounds that are not the guard
  profile::Profile end;      // before the guard
  profile::Profile guarded;  // after it
  double work_older = 0;     // between base and middle
  double work_younger = 0;   // between middle and end
};

struct RoundsPolicy {
  double budget_bytes_per_work = 4;  // about a pointer's half: what a request may leave behind
  std::vector<Bound> bounds = {};
};

// The least a leak must keep per unit of work for five samples in each half with 95 % probability; 0 in exact
// mode.
double floor_bytes_per_work(double interval_bytes, double work_per_half);

// A place leaks iff in both halves of `measured` it kept more than the budget (p < 0.01), grew by more than
// the budget and by five samples or more, the younger half kept at least a third of the older per unit of
// work, the same holds of `confirming`, and two thirds of what `measured` kept have outlived that. Without
// `confirming` (null) leaks are as yet unconfirmed. Profiles without ages can only say what grew: a suspect
// at most. Inconclusive when the floor lies above the budget and nothing leaks. All snapshots must be of one
// process; Diagnosis::rounds is the caller's to complete.
Diagnosis judge_rounds(const Stretch& measured, const Stretch* confirming, const RoundsPolicy& policy = {});

}  // namespace holdfast::diagnose
