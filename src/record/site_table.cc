#include "record/site_table.h"

#include <algorithm>
#include <cstring>

#include "base/random.h"

namespace holdfast::record {
namespace {

constexpr std::size_t kArenaChunk = 256 * 1024;

std::uint64_t hash_stack(const std::uintptr_t* stack, std::uint32_t depth) noexcept {
  std::uint64_t hash = depth;
  for (std::uint32_t i = 0; i < depth; ++i) hash = (hash ^ stack[i]) * 0x9e3779b97f4a7c15ull + (hash >> 29);
  return base::mix(hash);
}

}  // namespace

SiteId SiteTable::find(std::uint32_t head, std::uint64_t hash, const std::uintptr_t* stack,
                       std::uint32_t depth) const noexcept {
  for (std::uint32_t id = head; id != 0;) {
    const Site* site = sites_.at(id);
    if (site->hash == hash && site->depth == depth &&
        std::memcmp(site->stack, stack, depth * sizeof(*stack)) == 0) {
      return SiteId{id};
    }
    id = site->next;
  }
  return SiteId::folded;
}

SiteId SiteTable::intern(const std::uintptr_t* stack, std::uint32_t depth) noexcept {
  const std::uint64_t hash = hash_stack(stack, depth);
  std::atomic<std::uint32_t>* head = heads_.at_grow(hash % kBuckets);
  if (head == nullptr) {
    folded_.fetch_add(1, std::memory_order_relaxed);
    return SiteId::folded;
  }
  SiteId known = find(head->load(std::memory_order_acquire), hash, stack, depth);
  if (known != SiteId::folded) return known;

  const base::SpinGuard guard(lock_);
  if (guard) {
    known = find(head->load(std::memory_order_acquire), hash, stack, depth);
    if (known != SiteId::folded) return known;
    const std::uint32_t id = size_.load(std::memory_order_relaxed);
    Site* site = sites_.at_grow(id);
    void* copy = site == nullptr ? nullptr : arena_take(depth * sizeof(*stack));
    if (copy != nullptr) {
      std::memcpy(copy, stack, depth * sizeof(*stack));
      site->hash = hash;
      site->stack = static_cast<const std::uintptr_t*>(copy);
      site->depth = depth;
      site->next = head->load(std::memory_order_relaxed);
      size_.store(id + 1, std::memory_order_release);
      head->store(id, std::memory_order_release);
      return SiteId{id};
    }
  }
  folded_.fetch_add(1, std::memory_order_relaxed);
  return SiteId::folded;
}

void SiteTable::note_size(SiteId id, std::uint64_t size, std::int64_t now_ns) noexcept {
  if (size < SizeSteps::kSmallest || id == SiteId::folded) return;
  Site* site = sites_.at(index(id));
  SizeSteps* steps = site->steps.load(std::memory_order_acquire);
  // Read without the lock: a step seen late is only a step not kept.
  if (steps != nullptr && size < __atomic_load_n(&steps->largest, __ATOMIC_RELAXED) / 2 * 3) return;

  const base::SpinGuard guard(lock_);
  if (!guard) return;
  steps = site->steps.load(std::memory_order_relaxed);
  if (steps == nullptr) {
    steps = static_cast<SizeSteps*>(arena_take(sizeof(SizeSteps)));
    if (steps == nullptr) return;
    site->steps.store(steps, std::memory_order_release);
  } else if (size < steps->largest / 2 * 3) {
    return;
  }
  __atomic_store_n(&steps->largest, size, __ATOMIC_RELAXED);
  steps->step[steps->count++ % SizeSteps::kKept] = {now_ns, size};
}

void* SiteTable::arena_take(std::size_t bytes) noexcept {
  bytes = std::max<std::size_t>((bytes + 7) & ~std::size_t{7}, 8);
  if (bytes > arena_left_) {
    arena_ = static_cast<char*>(base::map_pages(kArenaChunk));
    arena_left_ = arena_ == nullptr ? 0 : kArenaChunk;
    if (arena_ == nullptr) return nullptr;
  }
  void* taken = arena_;
  arena_ += bytes;
  arena_left_ -= bytes;
  return taken;
}

}  // namespace holdfast::record
