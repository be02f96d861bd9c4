// The verdict on one snapshot or a series: which sites leak, and why the others do not. The rule and the
// simulations behind it are in docs/reading_a_verdict.md. Pure, any thread; allocates in proportion to the
// profile.
#pragma once

#include <vector>

#include "diagnose/finding.h"
#include "diagnose/policy.h"
#include "profile/profile.h"

namespace holdfast::diagnose {

// Judges the whole history that the snapshot carries. A profile without ages (foreign, merged, text) gets no
// verdict: its diagnosis is inconclusive and says so.
Diagnosis judge(const profile::Profile& snapshot, const Policy& policy = {});

// A series of one process, oldest first, at least one: the rule at the last snapshot; earlier ones quantify
// growth. Snapshots of other processes are not compared, and a note says so. Where the last carries no ages,
// what grew between the first and the last is suspect, never a leak.
Diagnosis judge(const std::vector<profile::Profile>& series, const Policy& policy = {});

}  // namespace holdfast::diagnose
