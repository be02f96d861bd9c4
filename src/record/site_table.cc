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

SiteId SiteTable::fold() noexcept {
  folded_.fetch_add(1, std::memory_order_relaxed);
  return SiteId::folded;
}

SiteId SiteTable::find(std::uint32_t head, const Site& wanted) const noexcept {
  for (std::uint32_t id = head; id != 0;) {
    const Site* site = sites_.at(id);
    if (site->hash == wanted.hash && site->depth == wanted.depth && site->labels == wanted.labels &&
        site->unlabelled == wanted.unlabelled &&
        (wanted.unlabelled != 0 ||
         std::memcmp(site->stack, wanted.stack, wanted.depth * sizeof(*wanted.stack)) == 0)) {
      return SiteId{id};
    }
    id = site->next;
  }
  return SiteId::folded;
}

// Enters `wanted`, whose stack is copied unless another site has it.
SiteId SiteTable::enter(std::atomic<std::uint32_t>& head, const Site& wanted) noexcept {
  const base::SpinGuard guard(lock_);
  if (!guard) return fold();
  const std::uint32_t first = head.load(std::memory_order_acquire);
  if (const SiteId known = find(first, wanted); known != SiteId::folded) return known;
  const std::uint32_t id = size_.load(std::memory_order_relaxed);
  Site* site = sites_.at_grow(id);
  const std::size_t bytes = wanted.depth * sizeof(*wanted.stack);
  void* copy = nullptr;
  if (site != nullptr && wanted.unlabelled == 0) {
    copy = arena_take(bytes);
    if (copy == nullptr) return fold();
    std::memcpy(copy, wanted.stack, bytes);
  }
  if (site == nullptr) return fold();
  site->hash = wanted.hash;
  site->stack = copy != nullptr ? static_cast<const std::uintptr_t*>(copy) : wanted.stack;
  site->depth = wanted.depth;
  site->unlabelled = wanted.unlabelled;
  site->labels = wanted.labels;
  site->next = first;
  size_.store(id + 1, std::memory_order_release);
  head.store(id, std::memory_order_release);
  return SiteId{id};
}

SiteId SiteTable::intern(const std::uintptr_t* stack, std::uint32_t depth) noexcept {
  Site wanted{};
  wanted.hash = hash_stack(stack, depth);
  wanted.stack = stack;
  wanted.depth = depth;
  std::atomic<std::uint32_t>* head = bucket(wanted.hash);
  if (head == nullptr) return fold();
  const SiteId known = find(head->load(std::memory_order_acquire), wanted);
  return known != SiteId::folded ? known : enter(*head, wanted);
}

SiteId SiteTable::labelled(SiteId stack, LabelSetId labels) noexcept {
  if (stack == SiteId::folded || labels == LabelSetId::none) return stack;
  const Site* plain = sites_.at(index(stack));
  Site wanted{};
  wanted.hash = base::mix(std::uint64_t{index(stack)} << 32 | index(labels));
  wanted.stack = plain->stack;
  wanted.depth = plain->depth;
  wanted.unlabelled = index(stack);
  wanted.labels = labels;
  std::atomic<std::uint32_t>* head = bucket(wanted.hash);
  SiteId site = head == nullptr ? fold() : find(head->load(std::memory_order_acquire), wanted);
  if (site == SiteId::folded && head != nullptr) site = enter(*head, wanted);
  // Rather a sample without its labels than one without its stack.
  return site == SiteId::folded ? stack : site;
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
