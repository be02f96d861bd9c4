#include "record/shard.h"

#include <limits>

#include "base/lifetime_buckets.h"
#include "base/random.h"

namespace holdfast::record {

bool Shard::count_free(SiteCounters& c, const Weight& w, std::int64_t lifetime_ns) noexcept {
  ++c.frees;
  c.freed_objects += w.objects;
  c.freed_bytes += w.bytes;
  const auto wanted = static_cast<std::uint8_t>(
      base::lifetime_bucket(lifetime_ns > 0 ? static_cast<std::uint64_t>(lifetime_ns) : 0));
  LifetimeNode* last = nullptr;
  for (std::uint32_t i = c.lifetimes; i != 0;) {
    LifetimeNode* node = lifetimes_.at(i - 1);
    for (int e = 0; e < node->used; ++e) {
      if (node->bucket[e] == wanted && node->count[e] != std::numeric_limits<std::uint32_t>::max()) {
        ++node->count[e];
        return true;
      }
    }
    last = node;
    i = node->next;
  }
  if (last == nullptr || last->used == LifetimeNode::kEntries) {
    LifetimeNode* fresh = lifetimes_.at_grow(lifetimes_used_);
    if (fresh == nullptr) return false;
    ++lifetimes_used_;
    (last == nullptr ? c.lifetimes : last->next) = lifetimes_used_;
    last = fresh;
  }
  last->bucket[last->used] = wanted;
  last->count[last->used++] = 1;
  return true;
}

void Shard::link_partial(Span* span) noexcept {
  Span*& head = partial_[span->size_class];
  span->previous = nullptr;
  span->next = head;
  if (head != nullptr) head->previous = span;
  head = span;
}

void Shard::unlink_partial(Span* span) noexcept {
  if (span->previous != nullptr) {
    span->previous->next = span->next;
  } else {
    partial_[span->size_class] = span->next;
  }
  if (span->next != nullptr) span->next->previous = span->previous;
  span->next = span->previous = nullptr;
}

std::uint32_t* Shard::bucket(std::uintptr_t address) noexcept {
  return large_heads_.at_grow(base::mix(address) % kLargeBuckets);
}

bool Shard::insert_large(const LargeBlock& block) noexcept {
  std::uint32_t* head = bucket(block.address);
  if (head == nullptr) return false;
  std::uint32_t i = large_free_;
  LargeBlock* fresh;
  if (i != 0) {
    fresh = large_.at(i - 1);
    large_free_ = fresh->next;
  } else {
    fresh = large_.at_grow(large_used_);
    if (fresh == nullptr) return false;
    i = ++large_used_;
  }
  *fresh = block;
  fresh->next = *head;
  *head = i;
  ++large_live_;
  return true;
}

bool Shard::remove_large(std::uintptr_t address, LargeBlock& removed) noexcept {
  std::uint32_t* link = bucket(address);
  while (link != nullptr && *link != 0) {
    const std::uint32_t i = *link;
    LargeBlock* block = large_.at(i - 1);
    if (block->address == address) {
      removed = *block;
      *link = block->next;
      block->address = 0;
      block->next = large_free_;
      large_free_ = i;
      --large_live_;
      return true;
    }
    link = &block->next;
  }
  return false;
}

const LargeBlock* Shard::find_large(std::uintptr_t address) const noexcept {
  const std::uint32_t* head = large_heads_.at(base::mix(address) % kLargeBuckets);
  for (std::uint32_t i = head == nullptr ? 0 : *head; i != 0;) {
    const LargeBlock* block = large_.at(i - 1);
    if (block->address == address) return block;
    i = block->next;
  }
  return nullptr;
}

}  // namespace holdfast::record
