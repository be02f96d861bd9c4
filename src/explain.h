// The live heap as a profile: freeze the recorder, explain the addresses. Shared by the session's endpoint,
// its API and the preloaded program's dumps. One per process, never destroyed: libraries may be closed after
// the last session.
#pragma once

#include <holdfast/result.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "profile/profile.h"
#include "snapshot/modules.h"
#include "snapshot/symbols.h"

namespace holdfast {

// The table of memory, and the estimate of what is in use at the same moment.
struct MemoryNow {
  profile::MemoryTable table;
  double in_use_bytes = 0;
  double in_use_variance = 0;        // of the sampling
  std::uint64_t interval_bytes = 0;  // 1 in exact mode
  std::int64_t time_ns = 0;          // wall clock
};

class Explainer {
 public:
  static Explainer& instance();

  // Any thread, one at a time inside; the caller's thread is quiet meanwhile. Allocates.
  Result<profile::Profile> heap(const std::string& default_type);

  // The same without sites and names. Error where recording has not started or the kernel tells nothing.
  Result<MemoryNow> memory();

  // Names for addresses inside instructions, as the endpoint's /symbol gives them; empty where none is known.
  std::vector<std::string> names(const std::vector<std::uint64_t>& addresses);

  // What the addresses mean, for profiles of other kinds. Allocates.
  snapshot::Explanation explain(const std::vector<std::uint64_t>& addresses);

 private:
  Explainer();

  snapshot::ModuleCache modules_;
  snapshot::Symbolizer symbolizer_{modules_};
};

}  // namespace holdfast
