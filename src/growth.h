// Which sites hold how much, and how fast they grow: the difference from an earlier look at the same process.
// For the trace and the metrics; each has its own. Quiet threads, one at a time; allocates.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "profile/profile.h"

namespace holdfast {

struct SiteUse {
  std::string name;  // as reports call it
  std::string fingerprint;
  double in_use_bytes = 0;
  double alloc_bytes = 0;
  double bytes_per_second = 0;  // growth of what is in use since the earlier look; 0 at the first
};

class Growth {
 public:
  // Sites of the profile, largest in use first. Compared with the look that is at least `memory_seconds` old,
  // or with the oldest.
  explicit Growth(double memory_seconds) : memory_seconds_(memory_seconds) {}
  std::vector<SiteUse> look(const profile::Profile& profile);

 private:
  using InUse = std::unordered_map<std::string, double>;  // by fingerprint

  double memory_seconds_;
  std::int64_t base_ns_ = 0, next_base_ns_ = 0;
  InUse base_, next_base_;
};

// The one that grows fastest; nullptr when none grows.
const SiteUse* fastest(const std::vector<SiteUse>& sites);

}  // namespace holdfast
