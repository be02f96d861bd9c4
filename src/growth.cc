#include "growth.h"

#include <algorithm>
#include <utility>

#include "diagnose/site.h"

namespace holdfast {

std::vector<SiteUse> Growth::look(const profile::Profile& profile) {
  std::vector<SiteUse> uses;
  InUse now;
  const double seconds = static_cast<double>(profile.time_nanos - base_ns_) / 1e9;
  for (const diagnose::Site& site : diagnose::sites_of(profile, diagnose::Grouping::function)) {
    SiteUse use{site.name(), site.fingerprint, site.inuse_bytes, site.alloc_bytes, 0};
    if (base_ns_ != 0 && seconds > 0) {
      const auto before = base_.find(site.fingerprint);
      use.bytes_per_second = (site.inuse_bytes - (before == base_.end() ? 0 : before->second)) / seconds;
    }
    now.emplace(site.fingerprint, site.inuse_bytes);
    uses.push_back(std::move(use));
  }
  // Two looks are kept: the one compared with, and the one that will take its place when it is old enough.
  if (base_ns_ == 0) {
    base_ns_ = next_base_ns_ = profile.time_nanos;
    base_ = next_base_ = std::move(now);
  } else if (static_cast<double>(profile.time_nanos - next_base_ns_) / 1e9 >= memory_seconds_) {
    base_ns_ = std::exchange(next_base_ns_, profile.time_nanos);
    base_ = std::exchange(next_base_, std::move(now));
    if (memory_seconds_ <= 0) {
      base_ns_ = next_base_ns_;
      base_ = next_base_;
    }
  }
  return uses;
}

const SiteUse* fastest(const std::vector<SiteUse>& sites) {
  const auto at = std::ranges::max_element(sites, {}, &SiteUse::bytes_per_second);
  return at == sites.end() || at->bytes_per_second <= 0 ? nullptr : &*at;
}

}  // namespace holdfast
