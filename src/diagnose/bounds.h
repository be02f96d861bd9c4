// Declared bounds against what their sites hold. Called by the judges; pure, any thread.
#pragma once

#include <vector>

#include "diagnose/finding.h"

namespace holdfast::diagnose {

// One check per bound, in order. A bound that matches no site is told in the notes of `diagnosis`, which
// knows the sampling interval.
std::vector<BoundCheck> check_bounds(const std::vector<Site>& sites, const std::vector<Bound>& bounds,
                                     Diagnosis& diagnosis);

// Whether a bound names the site and holds.
bool is_within_bound(const Site& site, const std::vector<BoundCheck>& checks);

}  // namespace holdfast::diagnose
