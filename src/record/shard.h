// One of the recorder's independent parts: counters per site, the spans of small sampled blocks, and the table of large
// ones, all under one lock, so that within a shard allocations minus frees equal what is live at every moment.
// Called inside malloc: noexcept, allocates only mapped pages. Everything but the lock is touched under the lock.
#pragma once

#include <cstdint>

#include "base/raw_memory.h"
#include "base/spin_lock.h"
#include "record/region.h"
#include "record/site_table.h"
#include "record/weight.h"

namespace holdfast::record {

// What one site has done in one shard. Objects and bytes are unbiased.
struct SiteCounters {
  std::uint64_t allocs;  // samples
  std::uint64_t frees;
  double alloc_objects;
  double alloc_bytes;
  double freed_objects;
  double freed_bytes;
  std::uint32_t lifetimes;  // index + 1 of the first LifetimeNode
};

// Part of a site's histogram of freed lifetimes: most sites free within a few of the 173 buckets.
struct LifetimeNode {
  static constexpr int kEntries = 5;
  std::uint32_t next;  // index + 1
  std::uint8_t bucket[kEntries];
  std::uint8_t used;
  std::uint32_t count[kEntries];
};
static_assert(sizeof(LifetimeNode) == 32);

// A sampled block that lives in the real allocator.
struct LargeBlock {
  std::uintptr_t address;
  std::uint64_t size;
  std::int64_t birth_ns;
  SiteId site;
  std::uint32_t thread;
  std::uint32_t next;  // index + 1, of the bucket's chain or the free list
  std::uint16_t interval_id;
};

class alignas(64) Shard {
 public:
  static constexpr std::uint32_t kLargeBuckets = 1u << 14;

  base::SpinLock lock;

  // The counters of a site, or nullptr when no memory is to be had.
  SiteCounters* counters(SiteId site) noexcept { return counters_.at_grow(index(site)); }
  const SiteCounters* counters_if_any(std::uint32_t site) const noexcept { return counters_.at(site); }

  void count_alloc(SiteCounters& c, const Weight& w) noexcept {
    ++c.allocs;
    c.alloc_objects += w.objects;
    c.alloc_bytes += w.bytes;
  }
  // False when there was no memory for the lifetime; the rest is counted all the same.
  bool count_free(SiteCounters& c, const Weight& w, std::int64_t lifetime_ns) noexcept;
  // Calls visit(bucket, count) for each entry of the site's lifetimes; a bucket may come twice.
  template <typename Visit>
  void each_lifetime(const SiteCounters& c, Visit visit) const noexcept {
    for (std::uint32_t i = c.lifetimes; i != 0;) {
      const LifetimeNode* node = lifetimes_.at(i - 1);
      for (int e = 0; e < node->used; ++e) visit(int{node->bucket[e]}, node->count[e]);
      i = node->next;
    }
  }

  // Lists of spans with room, by size class.
  Span*& partial(int size_class) noexcept { return partial_[size_class]; }
  void link_partial(Span* span) noexcept;
  void unlink_partial(Span* span) noexcept;

  // The table of large blocks. insert fails only for want of memory.
  bool insert_large(const LargeBlock& block) noexcept;
  bool remove_large(std::uintptr_t address, LargeBlock& removed) noexcept;
  const LargeBlock* find_large(std::uintptr_t address) const noexcept;
  template <typename Visit>
  void each_large(Visit visit) const noexcept {
    for (std::uint32_t i = 0; i < large_used_; ++i) {
      const LargeBlock* block = large_.at(i);
      if (block->address != 0) visit(*block);
    }
  }
  std::uint32_t large_count() const noexcept { return large_live_; }
  // Without the lock, for record/live_blocks.h: entries ever used, and each of them (address 0 while it is free).
  std::uint32_t large_used() const noexcept { return __atomic_load_n(&large_used_, __ATOMIC_ACQUIRE); }
  const LargeBlock* large_at(std::uint32_t i) const noexcept { return large_.at(i); }

 private:
  std::uint32_t* bucket(std::uintptr_t address) noexcept;

  base::ChunkedArray<SiteCounters, 4096, SiteTable::kMaxSites / 4096> counters_;
  base::ChunkedArray<LifetimeNode, 2048, 2048> lifetimes_;
  std::uint32_t lifetimes_used_ = 0;
  Span* partial_[kSizeClasses] = {};
  base::ChunkedArray<std::uint32_t, 1024, kLargeBuckets / 1024> large_heads_;
  base::ChunkedArray<LargeBlock, 1024, 4096> large_;
  std::uint32_t large_used_ = 0;
  std::uint32_t large_free_ = 0;
  std::uint32_t large_live_ = 0;
};

}  // namespace holdfast::record
