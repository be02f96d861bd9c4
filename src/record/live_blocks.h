// Which live block an address lies in, and all live blocks one by one: every block in exact mode, the sampled
// ones else.
//
// For a scan that looks for holders, which may run in a helper that shares this process's memory but not its
// locks (clone with CLONE_VM): takes no lock, touches no thread-local, allocates at most mapped pages, and
// cannot fault, because nothing it reads is ever unmapped. It reads while threads allocate and free, so it
// answers for blocks that stay; one that comes or goes meanwhile may be missed or be told although it has
// just gone. Any thread; noexcept.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/raw_memory.h"
#include "base/shared.h"
#include "record/recorder.h"

namespace holdfast::record {

struct LiveBlock {
  std::uintptr_t start = 0;
  std::size_t size = 0;       // bytes asked for
  std::int64_t birth_ns = 0;  // record::now_ns() at the allocation
  SiteId site = SiteId::folded;
  std::uint32_t thread = 0;  // gettid of the allocating thread; 0 where exact mode does not keep it
  std::uint16_t interval_id =
      0;  // for Recorder::interval_of: what the block stands for is weight_of(size, interval)

  // A block of no bytes still owns its first address.
  bool holds(std::uintptr_t address) const noexcept { return address - start < (size == 0 ? 1 : size); }
};

// A small block, in constant time: about 20 ns when its page is in the cache.
HOLDFAST_SHARED bool small_block_at(const Recorder& recorder, std::uintptr_t address,
                                    LiveBlock& found) noexcept;

// Small or large. Without an index each large block is looked at: for a few questions. Many: LiveIndex.
HOLDFAST_SHARED bool block_at(const Recorder& recorder, std::uintptr_t address, LiveBlock& found) noexcept;

// Slot `slot` of span `span`, or large block `i` of a shard, if a live block is there.
HOLDFAST_SHARED bool small_block(const Recorder& recorder, std::uint32_t span, std::uint32_t slot,
                                 LiveBlock& found) noexcept;
HOLDFAST_SHARED bool large_block(const Recorder& recorder, int shard, std::uint32_t i,
                                 LiveBlock& found) noexcept;
// How many slots of a span, or large entries of a shard, have ever been used.
HOLDFAST_SHARED std::uint32_t slots_used(const Recorder& recorder, std::uint32_t span) noexcept;
HOLDFAST_SHARED std::uint32_t large_used(const Recorder& recorder, int shard) noexcept;

template <typename Visit>
void each_large_block(const Recorder& recorder, Visit visit) {
  LiveBlock block;
  for (int shard = 0; shard < Recorder::kLargeShards; ++shard) {
    for (std::uint32_t i = 0, used = large_used(recorder, shard); i < used; ++i) {
      if (large_block(recorder, shard, i, block)) visit(static_cast<const LiveBlock&>(block));
    }
  }
}

// Calls visit(block) for every live block, small ones in the order of their addresses, then large ones in
// none.
template <typename Visit>
void each_live_block(const Recorder& recorder, Visit visit) {
  LiveBlock block;
  for (std::uint32_t span = 0, spans = recorder.region().span_count(); span < spans; ++span) {
    for (std::uint32_t slot = 0, used = slots_used(recorder, span); slot < used; ++slot) {
      if (small_block(recorder, span, slot, block)) visit(static_cast<const LiveBlock&>(block));
    }
  }
  each_large_block(recorder, visit);
}

// The large blocks of one moment in the order of their addresses, so that a scan may ask millions of times.
// Holds 48 bytes of mapped memory per large block. One thread.
class HOLDFAST_SHARED LiveIndex {
 public:
  explicit LiveIndex(const Recorder& recorder) noexcept : recorder_(recorder) {}

  // Reads the large blocks anew; false when no memory is to be had, and then finds small ones only.
  bool refresh() noexcept;

  // The block around an address: a small one as it is now, a large one as of the last refresh().
  bool find(std::uintptr_t address, LiveBlock& found) const noexcept;

 private:
  const Recorder& recorder_;
  base::RawVector<LiveBlock> large_;
};

}  // namespace holdfast::record
