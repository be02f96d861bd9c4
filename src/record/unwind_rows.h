// The cache of unwind rows: for a code address, one word that says how to step to the caller. A fixed table
// of plain words in raw memory, read and written by all threads at once without locks: a row is valid only if
// its two words match each other and the current generation, so a half-written, foreign or forgotten row
// reads as a miss.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "record/unwind_cfi.h"

namespace holdfast::record {

// How to step out of a frame with rsp and rbp alone, packed. The return address always lies right below the
// CFA.
class Row {
 public:
  enum Kind : std::uint8_t {
    none,           // no row
    from_sp,        // CFA = rsp + cfa_offset
    from_fp,        // CFA = rbp + cfa_offset
    from_memory,    // CFA = word at (rsp or rbp, + cfa_offset) + addend: realigned frames
    outermost,      // the stack ends here
    lost,           // nothing tells how to go on from here
    all_registers,  // needs more than rsp and rbp: signal frames, the loader's binder
  };
  enum FpRule : std::uint8_t {
    fp_kept,
    fp_at_cfa,
    fp_at_fp
  };  // the caller's rbp: unchanged, or at CFA/rbp + fp_offset

  constexpr Row() noexcept = default;
  constexpr explicit Row(std::uint64_t word) noexcept : word_(word) {}
  constexpr explicit Row(Kind kind) noexcept : word_(kind) {}

  // What does not fit becomes all_registers.
  static Row step(Kind kind, bool memory_at_fp, std::int64_t cfa_offset, std::int64_t addend, FpRule fp_rule,
                  std::int64_t fp_offset) noexcept;

  std::uint64_t word() const noexcept { return word_; }
  Kind kind() const noexcept { return static_cast<Kind>(word_ & 7u); }
  FpRule fp_rule() const noexcept { return static_cast<FpRule>((word_ >> 3) & 3u); }
  bool memory_at_fp() const noexcept { return (word_ & 0x20u) != 0; }
  std::int64_t fp_offset() const noexcept { return (static_cast<std::int64_t>(word_ << 40) >> 48) * 8; }
  std::int64_t addend() const noexcept { return static_cast<std::int64_t>(word_ << 24) >> 48; }
  std::int64_t cfa_offset() const noexcept { return (static_cast<std::int64_t>(word_) >> 40) * 8; }

 private:
  std::uint64_t word_ = 0;
};

// Makes the row for `pc` from the loaded objects' call frame information. Never answers Row::none.
Row learn_row(std::uintptr_t pc) noexcept;
// The same from rules already found.
Row compress_rules(const cfi::FrameRules& rules, std::uintptr_t pc) noexcept;

class RowTable {
 public:
  // A generation's mark on its rows.
  using Seal = std::uint64_t;

  // Takes the memory, once; false when there is none. Not from inside malloc.
  bool open() noexcept;
  bool is_open() const noexcept { return rows_.load(std::memory_order_acquire) != nullptr; }

  Seal seal() const noexcept { return generation_.load(std::memory_order_acquire) * generation_mix; }
  void forget() noexcept { generation_.fetch_add(1, std::memory_order_acq_rel); }
  std::uint64_t generation() const noexcept { return generation_.load(std::memory_order_acquire); }

  // The row of `key` (the code address + 1), or Row::none. Only of an open table.
  Row find(std::uintptr_t key, Seal seal) const noexcept {
    const Slot* rows = rows_.load(std::memory_order_relaxed);
    const std::size_t home = home_of(key);
    for (std::size_t way = 0; way < ways; ++way) {
      const Slot& slot = rows[home ^ way];
      const std::uint64_t word = slot.word.load(std::memory_order_relaxed);
      if ((slot.check.load(std::memory_order_relaxed) ^ mark(word, seal)) == key) return Row(word);
    }
    return Row();
  }

  void publish(std::uintptr_t key, Seal seal, Row row) noexcept;

 private:
  struct Slot {
    std::atomic<std::uint64_t> word;
    std::atomic<std::uint64_t> check;  // key ^ mark(word)
  };
  static constexpr std::size_t slot_count = std::size_t{1} << 16;  // 1 MiB, touched as used
  static constexpr std::size_t ways = 4;                           // one cache line
  static constexpr std::uint64_t word_mix = 0x9e3779b97f4a7c15u;
  static constexpr std::uint64_t generation_mix = 0xd1b54a32d192ed03u;

  static std::size_t home_of(std::uintptr_t key) noexcept { return (key ^ (key >> 13)) & (slot_count - 1); }
  static std::uint64_t mark(std::uint64_t word, Seal seal) noexcept { return word * word_mix + seal; }

  std::atomic<Slot*> rows_{nullptr};
  std::atomic<std::uint64_t> generation_{1};
};

// The process's one table.
inline constinit RowTable g_row_table;
inline RowTable& row_table() noexcept { return g_row_table; }

}  // namespace holdfast::record
