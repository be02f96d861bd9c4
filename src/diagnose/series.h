// What the earlier snapshots of a series add to the verdict on the last. Called by judge.cc; pure, any
// thread.
#pragma once

#include <vector>

#include "diagnose/finding.h"
#include "profile/profile.h"

namespace holdfast::diagnose {

// Sum of (1-p) w^2 over the site's live samples; a profile without ages tells nothing of its samples, and R
// times the bytes in use, the variance of small blocks, stands in.
double sampling_variance(const Site& site, double interval_bytes);

// Bytes in use with the sampling interval.
Estimate in_use_of(const Site& site, double interval_bytes);

// Adds growth, points and slopes to the findings at `series.back()`, which carries ages. Never changes a
// grade.
void add_growth(const std::vector<profile::Profile>& series, Diagnosis& diagnosis);

// For profiles without ages: sites that grew from the first to the last by more than sampling explains (z
// > 3.29) and more than the budget, and with three snapshots or more in both halves of the series, become
// suspects.
void suspect_growth(const std::vector<profile::Profile>& series, const Policy& policy, Diagnosis& diagnosis);

// Theil and Sen's slope, the median of the slopes between all pairs; bytes per hour. 0 for fewer than two
// times.
double theil_sen(const std::vector<GrowthPoint>& points);

}  // namespace holdfast::diagnose
