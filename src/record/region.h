// Where small sampled blocks live: one reserved range of addresses, so that free() knows them by one subtraction and one
// compare. The range is cut into spans of 256 KiB, each of one size class and owned by one shard; what is known of each
// block lies in a table at the span's end, outside the program's bytes.
// Called inside malloc: noexcept, allocates nothing. Slots are touched only under the lock of the span's shard.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "base/raw_memory.h"
#include "base/spin_lock.h"
#include "record/site_table.h"

namespace holdfast::record {

inline constexpr std::size_t kSpanBytes = 256 * 1024;
inline constexpr std::size_t kLargestSmall = 32 * 1024;   // larger samples come from the real allocator
inline constexpr std::size_t kLargestAlignment = 4096;    // so do more strictly aligned ones

// Size classes: every 16 bytes up to 1 KiB, then 32 per octave up to 32 KiB, so that a block wastes 3 % at most. Exact mode
// needs them so fine, where every block lies here; samples make do with the sizes of coarse_size().
inline constexpr int kSizeClasses = 64 + 5 * 32;
constexpr int size_class(std::size_t size) noexcept {
  if (size <= 1024) return size <= 16 ? 0 : static_cast<int>((size - 1) / 16);
  const std::size_t last = size - 1;
  const int octave = 63 - __builtin_clzll(last);
  return 64 + (octave - 10) * 32 + static_cast<int>((last >> (octave - 5)) & 31);
}
constexpr std::uint32_t class_bytes(int size_class) noexcept {
  if (size_class < 64) return 16u * static_cast<std::uint32_t>(size_class + 1);
  const int octave = 10 + (size_class - 64) / 32;
  return static_cast<std::uint32_t>(33 + (size_class - 64) % 32) << (octave - 5);
}
// Rounded up to four sizes per octave: few classes, so that scattered samples share spans and touch few pages.
constexpr std::size_t coarse_size(std::size_t size) noexcept {
  if (size <= 128) return size;
  const int shift = 61 - __builtin_clzll(size - 1);
  return (((size - 1) >> shift) + 1) << shift;
}
// The smallest class that holds `size` bytes at a multiple of `alignment` (a power of two up to kLargestAlignment).
constexpr int size_class(std::size_t size, std::size_t alignment) noexcept {
  int c = size_class(size < alignment ? alignment : size);
  while (class_bytes(c) % alignment != 0) ++c;
  return c;
}

enum class SlotState : std::uint8_t { free = 0, live = 1 };

struct Slot {
  std::int64_t birth_ns;      // record::now_ns() at the allocation; the next free slot's index + 1 while free
  SiteId site;
  std::uint32_t thread;
  std::uint16_t size;         // bytes asked for
  std::uint16_t interval_id;
  SlotState state;
};
static_assert(sizeof(Slot) == 24);

struct Span {
  char* base;
  Slot* slots;
  Span* next;                 // list of the shard's spans of this class with room; or of free spans
  Span* previous;
  std::uint64_t reciprocal;   // 2^40 / slot_bytes, rounded up
  std::uint32_t slot_bytes;
  std::uint32_t slot_count;
  std::uint32_t free_head;    // index + 1 of the first free slot
  std::uint32_t touched;      // slots ever handed out
  std::uint32_t live;
  std::uint16_t shard;
  std::uint8_t size_class;
  std::atomic<bool> in_use;   // belongs to a shard

  // offset < 2^18, so the rounded-up reciprocal is exact.
  std::uint32_t slot_index(std::uintptr_t address) const noexcept {
    const std::uint64_t offset = address - reinterpret_cast<std::uintptr_t>(base);
    return static_cast<std::uint32_t>((offset * reciprocal) >> 40);
  }
  char* slot_address(std::uint32_t slot) const noexcept { return base + std::size_t{slot} * slot_bytes; }

  // The two below under the shard's lock.
  bool full() const noexcept { return free_head == 0 && touched == slot_count; }
  std::uint32_t take() noexcept {  // an index; the span is not full
    ++live;
    if (free_head == 0) return touched++;
    const std::uint32_t slot = free_head - 1;
    free_head = static_cast<std::uint32_t>(slots[slot].birth_ns);
    return slot;
  }
  void give(std::uint32_t slot) noexcept {
    --live;
    slots[slot].state = SlotState::free;
    slots[slot].birth_ns = free_head;
    free_head = slot + 1;
  }
};

class Region {
 public:
  // Reserves address space: 256 GiB, or a small share of what a limit (RLIMIT_AS) leaves the program, maybe none: blocks
  // that find no room here are recorded as large ones. Once.
  void reserve() noexcept;
  // Gives up what is not committed yet, in two steps: end_growth() first, which returns the size that is left; when nobody
  // takes an address beyond it for one of ours any more, unreserve(), and other memory may come there. Ordinary code.
  std::size_t end_growth() noexcept;
  void unreserve() noexcept;

  std::uintptr_t base() const noexcept { return base_; }
  std::size_t size() const noexcept { return size_.load(std::memory_order_relaxed); }

  // A span of the class for the shard, its slots free; nullptr when the region is full or memory is short.
  Span* take_span(int size_class, std::uint16_t shard) noexcept;
  // A span without live slots; its pages go back to the kernel.
  void give_span(Span* span) noexcept;

  // The span around an address inside the region; nullptr when none was ever made there.
  Span* span_of(std::uintptr_t address) const noexcept { return spans_.at((address - base_) / kSpanBytes); }
  // Spans ever made are 0 .. span_count() - 1.
  std::uint32_t span_count() const noexcept { return span_count_.load(std::memory_order_acquire); }
  Span* span_at(std::uint32_t i) const noexcept { return spans_.at(i); }
  std::size_t bytes_in_use() const noexcept { return bytes_in_use_.load(std::memory_order_relaxed); }

  base::SpinLock& lock() noexcept { return lock_; }  // for fork

 private:
  static constexpr std::size_t kLargestRegion = std::size_t{256} << 30;
  static constexpr std::size_t kLimitShare = 16;
  static constexpr std::size_t kCommitBytes = 4 << 20;
  static constexpr std::size_t kSpans = kLargestRegion / kSpanBytes;

  std::uintptr_t base_ = 0;
  std::atomic<std::size_t> size_{0};
  std::size_t reserved_ = 0;   // under lock_
  std::size_t committed_ = 0;  // under lock_
  base::SpinLock lock_;
  Span* free_spans_ = nullptr;  // under lock_
  std::atomic<std::uint32_t> span_count_{0};
  std::atomic<std::size_t> bytes_in_use_{0};
  base::ChunkedArray<Span, 4096, kSpans / 4096> spans_;
};

}  // namespace holdfast::record
