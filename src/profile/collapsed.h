// Collapsed stacks, which flame graph tools read: "main;serve;make_handler 4096", one line per stack. Pure
// functions, any thread; allocates.
#pragma once

#include <holdfast/result.h>

#include <string>

#include "profile/profile.h"

namespace holdfast::profile {

// The values of `type` ("inuse_space"); stacks of the same names are one line, lines are sorted. Error when
// the profile has no such type.
Result<std::string> encode_collapsed(const Profile& profile, const std::string& type);

}  // namespace holdfast::profile
