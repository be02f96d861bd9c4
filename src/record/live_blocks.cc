#include "record/live_blocks.h"

#include <algorithm>

// The writers hold a lock that a reader here does not take: what is read is checked, not trusted.
#if defined(__SANITIZE_THREAD__)
#define HOLDFAST_RACY __attribute__((no_sanitize("thread"), noinline))
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define HOLDFAST_RACY __attribute__((no_sanitize("thread"), noinline))
#endif
#endif
#ifndef HOLDFAST_RACY
#define HOLDFAST_RACY
#endif

namespace holdfast::record {
namespace {

// Copies word by word, each word whole.
template <typename T>
HOLDFAST_RACY T racy_copy(const T& from) noexcept {
  static_assert(sizeof(T) % sizeof(std::uint64_t) == 0);
  T copy;
  const auto* source = reinterpret_cast<const volatile std::uint64_t*>(&from);
  auto* target = reinterpret_cast<unsigned char*>(&copy);
  for (std::size_t i = 0; i < sizeof(T) / sizeof(std::uint64_t); ++i) {
    const std::uint64_t word = source[i];
    __builtin_memcpy(target + i * sizeof word, &word, sizeof word);
  }
  return copy;
}

// What a span was cut into at one moment.
struct Cut {
  std::uintptr_t base = 0;
  const Slot* slots = nullptr;
  std::uint64_t reciprocal = 0;
  std::uint32_t slot_bytes = 0;
  std::uint32_t slot_count = 0;
  std::uint32_t touched = 0;

  bool operator==(const Cut& other) const noexcept {
    return slots == other.slots && slot_bytes == other.slot_bytes && slot_count == other.slot_count;
  }
  // False when fields of two lives of the span are mixed: its slots would lie outside it.
  bool sound() const noexcept {
    const auto table = reinterpret_cast<std::uintptr_t>(slots);
    return slot_bytes != 0 && slot_count != 0 && slot_count <= kSpanBytes / slot_bytes && table > base &&
           table + slot_count * sizeof(Slot) == base + kSpanBytes;
  }
};

HOLDFAST_RACY Cut cut_of(const Span& span) noexcept {
  const volatile Span& s = span;
  if (!span.in_use.load(std::memory_order_acquire)) return {};
  return {
      reinterpret_cast<std::uintptr_t>(s.base), s.slots, s.reciprocal, s.slot_bytes, s.slot_count, s.touched};
}

bool read_slot(const Span& span, const Cut& cut, std::uint32_t i, LiveBlock& found) noexcept {
  const Slot slot = racy_copy(cut.slots[i]);
  if (slot.state != SlotState::live || slot.size > cut.slot_bytes) return false;
  if (!(cut_of(span) == cut)) return false;  // the span has changed hands meanwhile
  found = {cut.base + std::size_t{i} * cut.slot_bytes,
           slot.size,
           slot.birth_ns,
           slot.site,
           slot.thread,
           slot.interval_id};
  return true;
}

}  // namespace

bool small_block_at(const Recorder& recorder, std::uintptr_t address, LiveBlock& found) noexcept {
  const Region& region = recorder.region();
  if (address - region.base() >= region.size()) return false;
  const std::size_t number = (address - region.base()) / kSpanBytes;
  if (number >= region.span_count()) return false;
  const Span* span = region.span_at(static_cast<std::uint32_t>(number));
  const Cut cut = cut_of(*span);
  if (!cut.sound()) return false;
  const auto i = static_cast<std::uint32_t>(((address - cut.base) * cut.reciprocal) >> 40);
  return i < cut.slot_count && read_slot(*span, cut, i, found) && found.holds(address);
}

bool small_block(const Recorder& recorder, std::uint32_t span_number, std::uint32_t slot,
                 LiveBlock& found) noexcept {
  const Span* span = recorder.region().span_at(span_number);
  const Cut cut = cut_of(*span);
  return cut.sound() && slot < cut.slot_count && read_slot(*span, cut, slot, found);
}

std::uint32_t slots_used(const Recorder& recorder, std::uint32_t span_number) noexcept {
  const Cut cut = cut_of(*recorder.region().span_at(span_number));
  return cut.sound() ? std::min(cut.touched, cut.slot_count) : 0;
}

bool large_block(const Recorder& recorder, int shard, std::uint32_t i, LiveBlock& found) noexcept {
  const LargeBlock* entry = recorder.shard(shard).large_at(i);
  if (entry == nullptr) return false;
  const LargeBlock block = racy_copy(*entry);
  const LargeBlock again = racy_copy(*entry);
  if (block.address == 0 || block.address != again.address || block.size != again.size ||
      block.birth_ns != again.birth_ns || block.site != again.site) {
    return false;
  }
  found = {block.address, block.size, block.birth_ns, block.site, block.thread, block.interval_id};
  return true;
}

HOLDFAST_RACY std::uint32_t large_used(const Recorder& recorder, int shard) noexcept {
  return recorder.shard(shard).large_used();
}

bool block_at(const Recorder& recorder, std::uintptr_t address, LiveBlock& found) noexcept {
  if (small_block_at(recorder, address, found)) return true;
  bool any = false;
  each_large_block(recorder, [&](const LiveBlock& block) {
    if (!block.holds(address)) return;
    found = block;
    any = true;
  });
  return any;
}

bool LiveIndex::refresh() noexcept {
  large_.resize_down(0);
  bool complete = true;
  each_large_block(recorder_,
                   [&](const LiveBlock& block) { complete = large_.push_back(block) && complete; });
  if (!complete) large_.resize_down(0);
  // A block freed and allocated again while we read can be there twice: the order of birth says which is the
  // later.
  std::sort(large_.begin(), large_.end(), [](const LiveBlock& a, const LiveBlock& b) {
    return a.start != b.start ? a.start < b.start : a.birth_ns < b.birth_ns;
  });
  return complete;
}

bool LiveIndex::find(std::uintptr_t address, LiveBlock& found) const noexcept {
  if (small_block_at(recorder_, address, found)) return true;
  const LiveBlock* after = std::upper_bound(large_.begin(), large_.end(), address,
                                            [](std::uintptr_t a, const LiveBlock& b) { return a < b.start; });
  if (after == large_.begin() || !after[-1].holds(address)) return false;
  found = after[-1];
  return true;
}

}  // namespace holdfast::record
