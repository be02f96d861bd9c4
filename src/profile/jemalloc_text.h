// jemalloc's own heap dump ("heap_v2/524288" alone on the first line), which no pprof but jeprof reads.
// Pure functions, any thread.
//   @ return addresses, leaf first
//     t*: live objects: live bytes [objects ever: bytes ever]      all threads together
//     t3: ...                                                      one thread; not read
#pragma once

#include <holdfast/result.h>

#include <string>
#include <string_view>

#include "profile/limits.h"
#include "profile/profile.h"

namespace holdfast::profile {

// Whether `bytes` begin like this format.
bool is_jemalloc_text(std::string_view bytes) noexcept;

// Values divided by 1 - exp(-size/R), size being the row's mean, as jeprof does. The totals in brackets are
// zero unless the program ran with prof_accum:true; then there are four sample types, else inuse_* alone.
Result<Profile> decode_jemalloc_text(std::string_view bytes, const DecodeLimits& limits = {});

// One row per sample, as heap_v2/1: values are taken as they are, so readers do not rescale them. Names,
// labels and history do not fit into the format. Addresses become return addresses again (+ 1). An Error when
// a value is negative.
Result<std::string> encode_jemalloc_text(const Profile& profile);

}  // namespace holdfast::profile
