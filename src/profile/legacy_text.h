// The text heap profile of gperftools ("heap profile: ... @ heapprofile"): what /pprof/heap and ?debug=1
// answer, and what the perl tools read. Pure functions, any thread. A row:   in-use objects: in-use bytes
// [allocated objects: allocated bytes] @ return addresses, leaf first
#pragma once

#include <holdfast/result.h>

#include <string>
#include <string_view>

#include "profile/limits.h"
#include "profile/profile.h"

namespace holdfast::profile {

// Whether `bytes` begin like this format.
bool is_legacy_text(std::string_view bytes) noexcept;

// One row per sample, as `heapprofile`: values are taken as they are, so readers must not (and do not)
// rescale them. Names, labels and history do not fit into the format. Location addresses become return
// addresses again (+ 1); a sample without locations gets the return address 0x1. An Error when a value is
// negative: deltas do not fit either.
Result<std::string> encode_legacy_text(const Profile& profile);

// By the header's kind:
//   heapprofile, growth*, fragmentation*   values as they are
//   heap_v2/R, heapz_v2/R                  divided by 1 - exp(-size/R), size being the row's mean
//   heap/R                                 the same with R/2: what Go writes today
// Four sample types when the header's allocation totals tell more than the in-use ones, else inuse_* alone
// (objects and space for growth and fragmentation). Addresses become return address - 1; functions stay
// unknown.
Result<Profile> decode_legacy_text(std::string_view bytes, const DecodeLimits& limits = {});

}  // namespace holdfast::profile
