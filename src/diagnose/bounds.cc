#include "diagnose/bounds.h"

#include <algorithm>

#include "diagnose/series.h"

namespace holdfast::diagnose {

std::vector<BoundCheck> check_bounds(const std::vector<Site>& sites, const std::vector<Bound>& bounds,
                                     Diagnosis& d) {
  std::vector<BoundCheck> checks;
  for (const Bound& bound : bounds) {
    double bytes = 0, variance = 0;
    bool is_used = false;
    for (const Site& site : sites) {
      if (!matches(bound.pattern, site)) continue;
      is_used = true;
      bytes += site.inuse_bytes;
      variance += sampling_variance(site, d.interval_bytes);
    }
    const Estimate in_use{bytes, sampling_interval(bytes, variance, d.interval_bytes)};
    checks.push_back({bound, in_use, in_use.interval.lower > bound.bytes});
    if (!is_used) d.notes.push_back("no site matches the bound '" + bound.pattern + "'");
  }
  return checks;
}

bool is_within_bound(const Site& site, const std::vector<BoundCheck>& checks) {
  return std::ranges::any_of(checks, [&](const BoundCheck& check) {
    return check.in_use.value <= check.bound.bytes && matches(check.bound.pattern, site);
  });
}

}  // namespace holdfast::diagnose
