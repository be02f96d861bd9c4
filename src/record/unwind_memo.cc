// Remembered stacks. From one allocation to the next most of a stack stays: the table keeps the last one,
// root first, with every stack word that decided its walk (return addresses, saved frame pointers where a
// frame's place came from one). A new walk begins at the leaf as ever; where it comes to a frame of the last
// stack in the same state, and all words further out are unchanged, the rest of the way is known. The ids
// hang on a tree of return addresses, so that only the new frames are looked up.
#include <sys/mman.h>

#include <algorithm>
#include <array>

#include "record/own_frames.h"
#include "record/unwind.h"
#include "record/unwind_memory.h"
#include "record/unwind_walk.h"

namespace holdfast::record {
namespace {

// Deeper stacks are walked anew each time.
constexpr std::uint32_t kFrames = 512;

struct Word {
  std::uintptr_t slot;
  std::uintptr_t value;
};

// A frame of the walk: its state, and how it led to its caller. The outermost has no caller: its word is
// always 0.
struct Frame {
  std::uintptr_t key;  // code address + 1, as in RowTable
  std::uintptr_t sp;
  std::uintptr_t fp;
  std::uintptr_t fp_slot;  // where the caller's fp lies; 0: unchanged
  std::uint64_t node;      // the return addresses from the root up to the one that leaves this frame
  std::uint16_t extras;    // words beside return addresses that decided the way from here to the root
  bool uses_fp;
  bool fp_needed;  // here or further out, before it is loaded again
};

// One step of a new walk.
struct Step {
  Frame frame;
  Word caller;              // the return address
  Word place;               // what a realigned frame's place was read from; slot 0: nothing
  std::uintptr_t fp_value;  // what lies in frame.fp_slot
};

// The way out of the hook's own frames, which is the same each time: where their return addresses lie, and
// what they are.
struct OwnFrames {
  static constexpr std::uint32_t kMost = 4;
  std::uintptr_t pc;             // where the capture began; 0: not known yet
  std::uintptr_t caller_offset;  // where the address lies that leads back into the program
  std::uintptr_t fp_offset;      // where the program's frame pointer lies; 0: it is as it was
  std::uint32_t count;
  std::uint16_t offset[kMost];
  std::uintptr_t address[kMost];
};

// The tree of return addresses: a node is a parent and one more address towards the leaf. A cache: a node
// that was overwritten comes back as a new one, its old descendants are met no more, because numbers are not
// used again.
class NodeTable {
 public:
  struct Node {
    std::uint64_t parent;
    std::uintptr_t pc;
    std::uint64_t self;
    std::uint32_t id;  // of the stack that ends here; 0: not known yet
  };

  std::uint64_t new_root() noexcept { return ++last_; }

  Node& child(std::uint64_t parent, std::uintptr_t pc) noexcept {
    const std::uint64_t mixed = (parent * 0x9e3779b97f4a7c15u) ^ (pc * 0xd1b54a32d192ed03u);
    const std::size_t home = (mixed >> 40) & (kNodes - 1);
    Node& first = nodes_[home];
    if (first.parent == parent && first.pc == pc) return first;
    Node& second = nodes_[home ^ 1];
    if (second.parent == parent && second.pc == pc) return second;
    Node& older = first.self < second.self ? first : second;
    older = {parent, pc, ++last_, 0};
    return older;
  }

 private:
  static constexpr std::size_t kNodes = 4096;
  std::uint64_t last_ = 0;  // 0 is nobody's number
  std::array<Node, kNodes> nodes_;
};

}  // namespace

class MemoTable {
 public:
  // Begins anew when rows were forgotten, or stacks are cut elsewhere.
  void follow(std::uint64_t generation, std::uint32_t max) noexcept {
    if (generation == generation_ && max == max_) [[likely]]
      return;
    generation_ = generation;
    max_ = max;
    count_ = 0;
    own_frames_ = {};
    own_frame_ways_ = 0;
    root_ = nodes_.new_root();
  }

  // False: this stack is not one to remember; pcs are not filled.
  [[gnu::always_inline]] inline bool capture(const StackStart& start, ReadableWindow& window,
                                             bool can_remember, std::uintptr_t* pcs,
                                             MemoResult& result) noexcept {
    leaf_ = nullptr;
    if (!can_remember || !walk(start, window) || !window.stayed_home()) {
      count_ = 0;
      return false;
    }
    if (count_ + step_count_ > kFrames) {
      count_ = 0;
      return false;
    }
    append_steps();
    const std::uint32_t leaves = program_pc_ != 0 ? 1 : 0, depth = count_ - 1 + leaves;
    result.capture = {std::min(depth, max_), depth > max_};
    if (depth == 0) return true;
    if (leaves != 0) {
      leaf_ = &nodes_.child(frames_[count_ - 1].node, program_pc_);
    } else if (leaf_ == nullptr) {
      leaf_ = &nodes_.child(frames_[count_ - 2].node, callers_[count_ - 1].value);
    }
    if (leaf_->id != 0) {
      result.id = leaf_->id;
      result.hit = true;
      return true;
    }
    if (leaves != 0) pcs[0] = program_pc_;
    for (std::uint32_t i = leaves; i < result.capture.depth; ++i)
      pcs[i] = callers_[count_ - 1 + leaves - i].value;
    return true;
  }

  void remember(std::uint32_t id) noexcept {
    if (leaf_ != nullptr) leaf_->id = id;
  }

 private:
  // Walks from the leaf until the root or until the last stack goes on the same way: steps_ [0, step_count_)
  // then lie on top of frames_ [0, count_).
  bool walk(const StackStart& start, ReadableWindow& window) noexcept {
    const RowTable& table = row_table();
    const RowTable::Seal seal = table.seal();
    std::uintptr_t key = start.pc + 1, sp = start.sp, fp = start.fp;
    step_count_ = 0;
    leave_own_frames(start, window, key, sp, fp);
    for (;;) {
      std::uint32_t count = count_;
      while (count != 0 && frames_[count - 1].sp < sp) --count;
      count_ = count;
      if (count != 0 && is_here(frames_[count - 1], key, sp, fp)) {
        if (unchanged()) return true;
        if (!take_over_unchanged(key, sp, fp)) return false;
      }
      const std::uint32_t number = step_count_;
      if (number == kFrames) return false;
      step_count_ = number + 1;
      Step& step = steps_[number];
      // Field by field, and no more than is read: a compiler clears a whole step by `rep stos`, in 10 ns.
      step.frame.key = key;
      step.frame.sp = sp;
      step.frame.fp = fp;
      step.frame.fp_slot = 0;
      step.frame.uses_fp = false;
      step.place.slot = 0;
      step.caller.value = 0;
      Row row = table.find(key, seal);
      if (row.kind() == Row::none) [[unlikely]] {
        row = learn_row(key - 1);
        if (row.kind() != Row::lost) row_table().publish(key, seal, row);
      }
      std::uintptr_t cfa;
      switch (row.kind()) {
        case Row::from_sp:
          cfa = sp + static_cast<std::uintptr_t>(row.cfa_offset());
          break;
        case Row::from_fp:
          step.frame.uses_fp = true;
          cfa = fp + static_cast<std::uintptr_t>(row.cfa_offset());
          break;
        case Row::from_memory:
          step.frame.uses_fp = row.memory_at_fp();
          step.place.slot = (row.memory_at_fp() ? fp : sp) + static_cast<std::uintptr_t>(row.cfa_offset());
          if (!window.word(step.place.slot, step.place.value)) return false;
          cfa = step.place.value + static_cast<std::uintptr_t>(row.addend());
          break;
        case Row::outermost:
          step.caller.slot = reinterpret_cast<std::uintptr_t>(&no_caller_);
          return true;
        default:
          return false;
      }
      step.caller.slot = cfa - sizeof cfa;
      if (cfa <= sp || !window.word(step.caller.slot, step.caller.value)) return false;
      if (row.fp_rule() != Row::fp_kept) {
        step.frame.uses_fp = step.frame.uses_fp || row.fp_rule() == Row::fp_at_fp;
        step.frame.fp_slot =
            (row.fp_rule() == Row::fp_at_cfa ? cfa : fp) + static_cast<std::uintptr_t>(row.fp_offset());
        if (!window.word(step.frame.fp_slot, step.fp_value)) return false;
        fp = step.fp_value;
      }
      if (step.caller.value == 0) return true;
      key = step.caller.value;
      sp = cfa;
    }
  }

  // Where the hook captures, goes on to the program's frame; program_pc_ is then the address in it.
  void leave_own_frames(const StackStart& start, ReadableWindow& window, std::uintptr_t& key,
                        std::uintptr_t& sp, std::uintptr_t& fp) noexcept {
    program_pc_ = 0;
    if (!is_own_frame(start.pc + 1)) return;
    for (const OwnFrames& way : own_frames_) {
      if (way.pc == 0) break;
      if (way.pc != start.pc) continue;
      std::uint32_t same = 0;
      std::uintptr_t address;
      while (same < way.count && window.word(start.sp + way.offset[same], address) &&
             address == way.address[same])
        ++same;
      if (same != way.count || !window.word(start.sp + way.caller_offset, address)) continue;
      program_pc_ = key = address;
      sp = start.sp + way.caller_offset + sizeof address;
      if (way.fp_offset != 0) fp = load_word(start.sp + way.fp_offset);
      return;
    }
    learn_own_frames(start, window);
  }

  __attribute__((noinline)) void learn_own_frames(const StackStart& start, ReadableWindow& window) noexcept {
    OwnFrames way{start.pc, 0, 0, 0, {}, {}};
    std::uintptr_t key = start.pc + 1, cfa = 0;
    for (;;) {
      const Row row = learn_row(key - 1);
      if (row.kind() != Row::from_sp || row.fp_rule() == Row::fp_at_fp) return;
      cfa += static_cast<std::uintptr_t>(row.cfa_offset());
      if (row.fp_rule() == Row::fp_at_cfa) way.fp_offset = cfa + static_cast<std::uintptr_t>(row.fp_offset());
      if (!window.word(start.sp + cfa - sizeof cfa, key)) return;
      if (!is_own_frame(key)) break;
      if (way.count == OwnFrames::kMost) return;
      way.offset[way.count] = static_cast<std::uint16_t>(cfa - sizeof cfa);
      way.address[way.count++] = key;
    }
    way.caller_offset = cfa - sizeof cfa;
    own_frames_[own_frame_ways_++ % own_frames_.size()] = way;
  }

  static bool is_here(const Frame& frame, std::uintptr_t key, std::uintptr_t sp, std::uintptr_t fp) noexcept {
    return frame.sp == sp && frame.key == key && (!frame.fp_needed || frame.fp == fp);
  }

  // All words that decided the way from frame count_ - 1 to the root. Four at a time without a branch: nearly
  // always all are as they were.
  bool unchanged() const noexcept {
    return unchanged(callers_, count_) && unchanged(extras_, frames_[count_ - 1].extras);
  }

  static bool unchanged(const Word* words, std::size_t count) noexcept {
    const auto differs = [](const Word& word) { return load_word(word.slot) ^ word.value; };
    for (; count >= 4; count -= 4, words += 4) {
      if ((differs(words[0]) | differs(words[1]) | differs(words[2]) | differs(words[3])) != 0) return false;
    }
    for (; count != 0; --count, ++words) {
      if (differs(*words) != 0) return false;
    }
    return true;
  }

  // Some word further out has changed: makes the frames before it steps of the new walk, which goes on from
  // there.
  bool take_over_unchanged(std::uintptr_t& key, std::uintptr_t& sp, std::uintptr_t& fp) noexcept {
    for (; count_ != 0; --count_) {
      const Frame& frame = frames_[count_ - 1];
      key = frame.key;
      sp = frame.sp;
      const std::uint32_t outer_extras = count_ > 1 ? frames_[count_ - 2].extras : 0;
      if (!unchanged(callers_ + count_ - 1, 1) ||
          !unchanged(extras_ + outer_extras, frame.extras - outer_extras)) {
        --count_;
        return true;
      }
      if (step_count_ == kFrames || callers_[count_ - 1].value == 0) return false;
      Step& step = steps_[step_count_++];
      step = {frame, callers_[count_ - 1], {}, 0};
      step.frame.fp = fp;
      const bool fp_is_extra = frame.fp_slot != 0 && count_ > 1 && frames_[count_ - 2].fp_needed;
      if (frame.extras - outer_extras > (fp_is_extra ? 1 : 0)) step.place = extras_[frame.extras - 1];
      if (frame.fp_slot != 0) fp = step.fp_value = load_word(frame.fp_slot);
    }
    return false;
  }

  // Puts the steps on top of the frames that stay, from the root outwards.
  void append_steps() noexcept {
    std::uint32_t count = count_;
    std::uint64_t node = count == 0 ? root_ : frames_[count - 1].node;
    std::uint16_t extras = count == 0 ? 0 : frames_[count - 1].extras;
    bool fp_needed = count != 0 && frames_[count - 1].fp_needed;
    for (std::uint32_t i = step_count_; i != 0; ++count) {
      const Step& step = steps_[--i];
      const std::uintptr_t fp_slot = step.frame.fp_slot;
      if (fp_slot != 0 && fp_needed) extras_[extras++] = {fp_slot, step.fp_value};
      if (step.place.slot != 0) extras_[extras++] = step.place;
      fp_needed = step.frame.uses_fp || (fp_slot == 0 && fp_needed);
      if (count != 0) {
        leaf_ = &nodes_.child(node, step.caller.value);
        node = leaf_->self;
      }
      frames_[count] = {step.frame.key, step.frame.sp, step.frame.fp,      fp_slot,
                        node,           extras,        step.frame.uses_fp, fp_needed};
      callers_[count] = step.caller;
    }
    count_ = count;
  }

  std::array<OwnFrames, 8> own_frames_;
  std::uint32_t own_frame_ways_ = 0;
  std::uintptr_t program_pc_ = 0;
  std::uint64_t generation_ = 0;
  std::uint64_t root_ = 0;
  std::uintptr_t no_caller_ = 0;
  NodeTable::Node* leaf_ = nullptr;
  std::uint32_t max_ = 0;
  std::uint32_t count_ = 0;
  std::uint32_t step_count_ = 0;
  Frame frames_[kFrames];
  Word callers_[kFrames];
  Word extras_[2 * kFrames];
  Step steps_[kFrames];
  NodeTable nodes_;
};

MemoTable* new_memo_table() noexcept {
  void* memory = mmap(nullptr, sizeof(MemoTable), PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  // Fresh pages are zero, which is an empty table: nothing is written, so that only what is used becomes
  // memory.
  return memory == MAP_FAILED ? nullptr : static_cast<MemoTable*>(memory);
}

void free_memo_table(MemoTable* table) noexcept {
  if (table != nullptr) munmap(static_cast<void*>(table), sizeof(MemoTable));
}

MemoResult unwind_stack_memo(MemoTable& table, const StackStart& start, std::uintptr_t* pcs,
                             std::uint32_t max) noexcept {
  Unwinder unwinder;
  if (!chosen_unwinder(unwinder)) return {{0, true}, 0, false};
  MemoResult result;
  table.follow(row_table().generation(), max);
  ReadableWindow window(reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0)));
  const bool can_remember = unwinder == Unwinder::eh_frame && window.stayed_home();
  if (table.capture(start, window, can_remember, pcs, result)) return result;
  return {unwind_stack(start, pcs, max), 0, false};
}

void remember(MemoTable& table, std::uint32_t id) noexcept { table.remember(id); }

}  // namespace holdfast::record
