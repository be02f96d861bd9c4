// What changed between two profiles of one process. Pure, any thread; allocates.
#pragma once

#include <holdfast/result.h>

#include "profile/profile.h"

namespace holdfast::profile {

// `after` minus `before`, row by row (same stack, same string labels): values may be negative, rows that did not change
// are left out, duration_nanos is the time between the two, and there is no history. Error when their sample types
// differ.
Result<Profile> delta(const Profile& before, const Profile& after);

}  // namespace holdfast::profile
