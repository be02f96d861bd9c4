// Remembered stacks. An entry keeps, leaf first, every stack word that decided an unwind: the return
// addresses, and the saved frame pointers where a frame's place came from one. All of them unchanged means
// that the unwind would take the very same way, so its answer is known. Registers that decided nothing are
// not looked at.
#include <sys/mman.h>

#include <array>
#include <limits>
#include <new>

#include "record/unwind.h"
#include "record/unwind_memory.h"
#include "record/unwind_walk.h"

namespace holdfast::record {
namespace {

constexpr std::uint32_t entry_count = 256;  // a power of two
constexpr std::uint32_t word_count = 6144;
// What one stack may take: two words for each of the 256 frames a session may ask for.
constexpr std::uint32_t longest_stack = 512;

// A word that was read: how far its slot lies from the one before (in words, signed, the top 16 bits) and its
// value, which as a user-space address fits in 48.
class Check {
 public:
  static constexpr bool can_hold(std::int64_t step, std::uintptr_t value) noexcept {
    return step >= std::numeric_limits<std::int16_t>::min() &&
           step <= std::numeric_limits<std::int16_t>::max() && value <= value_mask;
  }
  Check() noexcept = default;
  Check(std::int64_t step, std::uintptr_t value) noexcept
      : packed_((static_cast<std::uint64_t>(step) << value_bits) | value) {}
  std::int64_t step_bytes() const noexcept {
    return (static_cast<std::int64_t>(packed_) >> value_bits) *
           static_cast<std::int64_t>(sizeof(std::uintptr_t));
  }
  std::uintptr_t value() const noexcept { return packed_ & value_mask; }

 private:
  static constexpr int value_bits = 48;
  static constexpr std::uint64_t value_mask = (std::uint64_t{1} << value_bits) - 1;
  std::uint64_t packed_;
};

struct Entry {
  std::uintptr_t pc;
  std::uintptr_t sp;
  std::uintptr_t fp;       // meaningful if fp_matters
  std::uint64_t position;  // of its first check, counted from the table's beginning of time
  std::uintptr_t reach;    // one past the highest byte it reads
  std::uint32_t max;
  std::uint32_t id;
  std::uint16_t checks;  // 0: the entry is empty
  std::uint16_t depth;
  bool truncated;
  bool fp_matters;
};

}  // namespace

class MemoTable {
 public:
  explicit MemoTable(std::uint64_t generation) noexcept : generation_(generation) {}

  // Empties the table when rows were forgotten since.
  void follow(std::uint64_t generation) noexcept {
    if (generation == generation_) return;
    entries_ = {};
    pending_ = {};
    generation_ = generation;
  }

  const Entry* find(const StackStart& start, std::uint32_t max, const OwnStack& stack) const noexcept {
    const std::uint32_t home = home_of(start);
    for (const std::uint32_t way : {home, home ^ 1u}) {
      const Entry& entry = entries_[way];
      if (entry.pc == start.pc && entry.sp == start.sp && entry.checks != 0 && entry.max == max &&
          next_ - entry.position <= word_count && (!entry.fp_matters || entry.fp == start.fp) &&
          stack.holds(entry.sp) && entry.reach <= stack.high && unchanged(entry)) {
        return &entry;
      }
    }
    return nullptr;
  }

  // Begins recording a stack; what was pending is dropped.
  void begin(const StackStart& start, std::uint32_t max, bool on_own_stack) noexcept {
    const std::uint64_t index = next_ % word_count;
    if (index + longest_stack > word_count) next_ += word_count - index;  // a stack's checks lie in one piece
    next_ += longest_stack;  // overwrites nothing that still counts
    pending_ = Entry{.pc = start.pc,
                     .sp = start.sp,
                     .fp = start.fp,
                     .position = next_ - longest_stack,
                     .reach = start.sp,
                     .max = max,
                     .id = 0,
                     .checks = 0,
                     .depth = 0,
                     .truncated = false,
                     .fp_matters = false};
    slot_ = start.sp;
    abandoned_ = !on_own_stack;
  }

  void word(std::uintptr_t slot, std::uintptr_t value) noexcept {
    if (abandoned_) return;
    const auto bytes = static_cast<std::int64_t>(slot - slot_);
    const std::int64_t step = bytes / static_cast<std::int64_t>(sizeof slot);
    if (slot < pending_.sp || slot % sizeof slot != slot_ % sizeof slot || pending_.checks == longest_stack ||
        !Check::can_hold(step, value)) {
      abandoned_ = true;
      return;
    }
    words_[pending_.position % word_count + pending_.checks++] = Check(step, value);
    slot_ = slot;
    if (slot + sizeof slot > pending_.reach) pending_.reach = slot + sizeof slot;
  }
  void start_fp() noexcept { pending_.fp_matters = true; }
  void give_up() noexcept { abandoned_ = true; }

  // Ends recording: the stack waits for its id, if it can be remembered at all.
  void end(Capture capture, bool on_own_stack) noexcept {
    next_ = pending_.position + pending_.checks;
    if (abandoned_ || !on_own_stack || capture.depth > std::numeric_limits<std::uint16_t>::max())
      pending_.checks = 0;
    pending_.depth = static_cast<std::uint16_t>(capture.depth);
    pending_.truncated = capture.truncated;
  }

  void remember(std::uint32_t id) noexcept {
    if (pending_.checks == 0) return;
    pending_.id = id;
    std::uint32_t way = home_of(StackStart{.pc = pending_.pc, .sp = pending_.sp, .fp = 0});
    const auto live = [this](const Entry& entry) {
      return entry.checks != 0 && next_ - entry.position <= word_count;
    };
    const auto same = [this](const Entry& entry) {
      return entry.pc == pending_.pc && entry.sp == pending_.sp;
    };
    // The same place first, then a free one, then the older of the two.
    const Entry& first = entries_[way];
    const Entry& second = entries_[way ^ 1u];
    if (!same(first) && live(first) && (same(second) || !live(second) || second.position < first.position))
      way ^= 1u;
    entries_[way] = pending_;
    pending_.checks = 0;
  }

 private:
  static std::uint32_t home_of(const StackStart& start) noexcept {
    const std::uint64_t mixed = (start.pc ^ (start.sp << 20)) * 0x9e3779b97f4a7c15u;
    return static_cast<std::uint32_t>(mixed >> 40) & (entry_count - 1);
  }

  bool unchanged(const Entry& entry) const noexcept {
    // Four at a time without a branch: nearly always all are unchanged, and all may be read.
    constexpr std::uint32_t stride = 4;
    const Check* check = &words_[entry.position % word_count];
    std::uintptr_t slot = entry.sp;
    const auto differs = [&slot](const Check& one) {
      slot += static_cast<std::uintptr_t>(one.step_bytes());
      return load_word(slot) ^ one.value();
    };
    std::uint32_t left = entry.checks;
    for (; left >= stride; left -= stride, check += stride) {
      std::uintptr_t difference = differs(check[0]);
      difference |= differs(check[1]);
      difference |= differs(check[2]);
      difference |= differs(check[3]);
      if (difference != 0) return false;
    }
    for (; left != 0; --left, ++check) {
      if (differs(*check) != 0) return false;
    }
    return true;
  }

  std::uint64_t generation_;
  std::uint64_t next_ = 0;  // where the next stack's checks go; older than word_count ago is overwritten
  std::uintptr_t slot_ = 0;
  bool abandoned_ = false;
  Entry pending_{};
  std::array<Entry, entry_count> entries_{};
  std::array<Check, word_count> words_;
};

namespace {
static_assert(sizeof(MemoTable) <= 64 * 1024);
}

MemoTable* new_memo_table() noexcept {
  void* memory = mmap(nullptr, sizeof(MemoTable), PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return memory == MAP_FAILED ? nullptr : ::new (memory) MemoTable(row_table().generation());
}

void free_memo_table(MemoTable* table) noexcept {
  if (table != nullptr) munmap(table, sizeof(MemoTable));
}

MemoResult unwind_stack_memo(MemoTable& table, const StackStart& start, std::uintptr_t* pcs,
                             std::uint32_t max) noexcept {
  Unwinder unwinder;
  if (!chosen_unwinder(unwinder)) return {{0, true}, 0, false};
  const auto frame = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
  table.follow(row_table().generation());
  if (const Entry* entry = table.find(start, max, own_stack(frame))) {
    return {{entry->depth, entry->truncated}, entry->id, true};
  }
  ReadableWindow window(frame);
  table.begin(start, max, window.stayed_home());
  const Capture capture = walk(unwinder, start, window, FrameSink{pcs, max}, table);
  table.end(capture, window.stayed_home());
  return {capture, 0, false};
}

void remember(MemoTable& table, std::uint32_t id) noexcept { table.remember(id); }

}  // namespace holdfast::record
