// Growth as a profile that pprof can show. Pure, any thread; allocates a profile.
#pragma once

#include <holdfast/result.h>

#include "profile/profile.h"

namespace holdfast::diagnose {

// `snapshot` with only what was born after `since_seconds` of its recording and is still alive: sample types
// inuse_objects and inuse_space, rows that kept nothing left out. Error when it carries no ages.
Result<profile::Profile> kept_since(const profile::Profile& snapshot, double since_seconds);

}  // namespace holdfast::diagnose
