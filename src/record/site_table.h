// Which stacks have allocated, and under which labels: stack and label set -> SiteId, insert-only, bounded.
// Lookups take no lock; a new stack takes one. Called inside malloc on any thread: noexcept, allocates only
// mapped pages.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/raw_memory.h"
#include "base/spin_lock.h"
#include "record/label_table.h"

namespace holdfast::record {

// A site is a stack and a set of labels we count under. Id 0 is the folded site: those beyond the table's
// limit.
enum class SiteId : std::uint32_t { folded = 0 };
constexpr std::uint32_t index(SiteId id) noexcept { return static_cast<std::uint32_t>(id); }

struct SizeStep {
  std::int64_t time_ns;
  std::uint64_t size;
};

// Allocations that each were at least 1.5 times the largest before, newest last: the footprint of a growing
// container. Only sizes from 4 KiB up are followed.
struct SizeSteps {
  static constexpr std::uint32_t kKept = 8;
  static constexpr std::uint64_t kSmallest = 4096;
  std::uint64_t largest;
  std::uint32_t count;  // steps seen in all; the last min(count, kKept) are kept, at [i % kKept]
  SizeStep step[kKept];
};

struct Site {
  std::uint64_t hash;
  const std::uintptr_t* stack;  // return addresses, leaf first; shared by a stack's sites
  std::uint32_t depth;
  std::uint32_t next;        // chain of the bucket
  std::uint32_t unlabelled;  // the site of the same stack without labels; 0 where it is this one
  LabelSetId labels;
  std::atomic<SizeSteps*> steps;
};

class SiteTable {
 public:
  static constexpr std::uint32_t kMaxSites = 1u << 20;

  // The id of the stack, entered if it is new. SiteId::folded when the table is full or memory is short.
  SiteId intern(const std::uintptr_t* stack, std::uint32_t depth) noexcept;

  // The same for a stack's site, as intern() gives it, under labels.
  SiteId labelled(SiteId stack, LabelSetId labels) noexcept;

  // Notes an allocation of `size` bytes for the growth of containers; cheap unless it is a step.
  void note_size(SiteId id, std::uint64_t size, std::int64_t now_ns) noexcept;

  // Sites entered so far, the folded one included: ids are 0 .. size() - 1.
  std::uint32_t size() const noexcept { return size_.load(std::memory_order_acquire); }
  const Site* at(std::uint32_t id) const noexcept { return sites_.at(id); }
  std::uint64_t folded() const noexcept { return folded_.load(std::memory_order_relaxed); }

  base::SpinLock& lock() noexcept { return lock_; }  // for fork

 private:
  static constexpr std::uint32_t kBuckets = 1u << 18;

  // A bucket's head, for what has this hash; nullptr for want of memory.
  std::atomic<std::uint32_t>* bucket(std::uint64_t hash) noexcept { return heads_.at_grow(hash % kBuckets); }
  SiteId find(std::uint32_t head, const Site& wanted) const noexcept;
  SiteId enter(std::atomic<std::uint32_t>& head, const Site& fresh) noexcept;
  SiteId fold() noexcept;
  void* arena_take(std::size_t bytes) noexcept;  // under lock_

  base::SpinLock lock_;
  base::ChunkedArray<std::atomic<std::uint32_t>, 4096, kBuckets / 4096> heads_;
  base::ChunkedArray<Site, 4096, kMaxSites / 4096> sites_;
  std::atomic<std::uint32_t> size_{1};
  std::atomic<std::uint64_t> folded_{0};
  char* arena_ = nullptr;
  std::size_t arena_left_ = 0;
};

}  // namespace holdfast::record
