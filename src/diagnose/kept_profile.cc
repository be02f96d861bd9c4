#include "diagnose/kept_profile.h"

#include <algorithm>
#include <cmath>

namespace holdfast::diagnose {
namespace {

std::int64_t whole(double amount) {
  return static_cast<std::int64_t>(std::llround(std::clamp(amount, 0.0, 9e18)));
}

}  // namespace

Result<profile::Profile> kept_since(const profile::Profile& snapshot, double since_seconds) {
  if (!snapshot.history) {
    return Error{"growth cannot be told from one profile without ages",
                 "give two snapshots, or take one from Holdfast's endpoint"};
  }
  profile::Profile kept = snapshot;
  kept.sample_types = {{"inuse_objects", "count"}, {"inuse_space", "bytes"}};
  kept.default_sample_type = "inuse_space";
  kept.history.reset();
  kept.samples.clear();
  const double since_ns = since_seconds * 1e9;
  for (const profile::SiteHistory& site : snapshot.history->sites) {
    if (site.sample >= snapshot.samples.size()) continue;
    double objects = 0, bytes = 0;
    for (const profile::Cohort& c : site.live) {
      if (static_cast<double>(c.birth_ns) < since_ns) continue;
      objects += c.objects;
      bytes += c.bytes;
    }
    if (whole(objects) == 0 && whole(bytes) == 0) continue;
    profile::Sample sample = snapshot.samples[site.sample];
    sample.values = {whole(objects), whole(bytes)};
    kept.samples.push_back(std::move(sample));
  }
  kept.duration_nanos =
      std::max<std::int64_t>(0, snapshot.history->uptime_ns - static_cast<std::int64_t>(since_ns));
  return kept;
}

}  // namespace holdfast::diagnose
