// A profile from bytes of unknown origin: the one door that the desk uses for files and answers of servers.
// Pure function, any thread.
#pragma once

#include <holdfast/result.h>

#include <string_view>

#include "profile/limits.h"
#include "profile/profile.h"

namespace holdfast::profile {

// Tells the format by its first bytes: pprof (gzipped or bare), legacy heap text, jemalloc's heap_v2 text;
// the texts may be gzipped too. Errors are one clear line with the next step, for an empty file, a web page,
// another kind of file, or a broken profile.
Result<Profile> decode(std::string_view bytes, const DecodeLimits& limits = {});

}  // namespace holdfast::profile
