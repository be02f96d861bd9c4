// Profiles for tests: a small one that uses every field, and ones of the size a busy server makes.
#pragma once

#include <cstddef>

#include "profile/profile.h"

namespace holdfast::support {

// Two mappings, an inlined frame, labels of both kinds, comments, and a history with every field in use.
// Keeps all rules of support/pprof_rules.h.
profile::Profile small_profile();

// What an hour of a server with `sites` allocation sites leaves behind: stacks of 20 frames, `cohorts` groups
// of live blocks per site, lifetimes, sampled at 512 KiB or exact. The same numbers on every call.
profile::Profile server_profile(std::size_t sites, std::size_t cohorts, bool exact);

}  // namespace holdfast::support
