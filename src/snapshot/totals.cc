#include "snapshot/totals.h"

#include <algorithm>

namespace holdfast::snapshot {
namespace {

constexpr std::uint32_t kSitesAtATime = 512;

}  // namespace

HeapTotals read_totals(record::Recorder& recorder) noexcept {
  HeapTotals totals;
  double freed_objects = 0, freed_bytes = 0;
  const std::uint32_t sites = recorder.sites().size();
  for (int i = 0; i < record::Recorder::kShards; ++i) {
    record::Shard& shard = recorder.shard(i);
    for (std::uint32_t first = 0; first < sites; first += kSitesAtATime) {
      const base::SpinGuard guard(shard.lock);
      if (!guard) continue;
      for (std::uint32_t id = first; id < std::min(first + kSitesAtATime, sites); ++id) {
        const record::SiteCounters* c = shard.counters_if_any(id);
        if (c == nullptr || c->allocs == 0) continue;
        totals.alloc_objects += c->alloc_objects;
        totals.alloc_bytes += c->alloc_bytes;
        // Sums of doubles leave dust where all is freed.
        freed_objects += c->allocs == c->frees ? c->alloc_objects : c->freed_objects;
        freed_bytes += c->allocs == c->frees ? c->alloc_bytes : c->freed_bytes;
      }
    }
  }
  totals.inuse_objects = std::max(0.0, totals.alloc_objects - freed_objects);
  totals.inuse_bytes = std::max(0.0, totals.alloc_bytes - freed_bytes);
  return totals;
}

}  // namespace holdfast::snapshot
