// The message inside a carrier, decoded but not yet attached to samples. Between the two halves of the
// carrier's decoder only. Pure function, any thread.
#pragma once

#include <holdfast/result.h>

#include <cstdint>
#include <string_view>
#include <vector>

#include "profile/history.h"

namespace holdfast::profile {

struct KeyedSite {
  std::uint64_t key = 0;
  SiteHistory site;
};

struct DecodedHistory {
  HeapHistory history;  // without sites
  std::vector<KeyedSite> sites;
};

// `carrier` is a comment for which is_carrier() holds. As strict as the profile's own decoder.
Result<DecodedHistory> read_carrier(std::string_view carrier);

}  // namespace holdfast::profile
