// A frozen heap: plain values copied out of the recorder under its locks, addresses not yet explained.
// freeze() fills it (snapshot/freeze.h); to_profile() (snapshot/to_profile.h) turns it into a profile::Profile.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "profile/history.h"

namespace holdfast::snapshot {

struct FrozenSite {
  std::vector<std::uint64_t> stack;  // return addresses, leaf first, Holdfast's own frames already trimmed; empty for
                                     // the folded site (sites beyond the table's limit)
  std::vector<std::pair<std::string, std::string>> labels;  // key and value, in the order of the keys, as the program
                                                            // gave them
  double alloc_objects = 0, alloc_bytes = 0;  // unbiased
  double inuse_objects = 0, inuse_bytes = 0;  // unbiased, equal to the sums over `history.live`
  profile::SiteHistory history;      // `sample` not set yet
};

struct Frozen {
  std::vector<FrozenSite> sites;
  std::int64_t time_nanos = 0;       // wall clock
  std::uint64_t interval_bytes = 0;  // in force now; 1 in exact mode
  profile::HeapHistory history;      // everything but `sites`
  std::vector<std::string> comments; // one line each, for people
};

}  // namespace holdfast::snapshot
