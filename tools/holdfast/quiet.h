// Waits until a program has come to rest, so that two snapshots differ by what was kept and not by what was
// under way. Main thread; blocks.
#pragma once

#include <holdfast/result.h>

#include <chrono>

#include "profile/profile.h"
#include "target.h"

namespace holdfast::tool {

struct Rest {
  profile::Profile snapshot;  // the last one taken
  bool is_quiet = false;      // false: `longest` was over first
  double in_use_bytes = 0;
};

// Takes snapshots, ever more slowly, until neither bytes in use nor the number of threads has changed twice
// in a row.
Result<Rest> wait_until_quiet(Target& target, std::chrono::milliseconds longest);

// Bytes in use of all sites.
double in_use_bytes(const profile::Profile& profile);

}  // namespace holdfast::tool
