#include <holdfast/totals.h>

#include <cmath>

#include "hook/real.h"
#include "record/recorder.h"
#include "snapshot/freeze.h"

namespace holdfast {

HeapTotals heap_totals() noexcept try {
  const record::QuietScope quiet;
  const Result<snapshot::Frozen> frozen = snapshot::freeze(record::g_recorder, {hook::name(hook::behind())});
  if (!frozen) return {};
  double allocations = 0, allocated_bytes = 0, live_blocks = 0, live_bytes = 0;
  for (const snapshot::FrozenSite& site : frozen->sites) {
    allocations += site.alloc_objects;
    allocated_bytes += site.alloc_bytes;
    live_blocks += site.inuse_objects;
    live_bytes += site.inuse_bytes;
  }
  const auto whole = [](double amount) { return static_cast<std::int64_t>(std::llround(amount)); };
  return {frozen->interval_bytes == 1, whole(allocations), whole(allocated_bytes), whole(live_blocks),
          whole(live_bytes)};
} catch (...) {  // out of memory
  return {};
}

}  // namespace holdfast
