// The walks that unwind_stack is made of. Internal to the unwinder: any thread, inside malloc, allocates
// nothing.
#pragma once

#include <cstdint>

#include "record/unwind.h"
#include "record/unwind_memory.h"
#include "record/unwind_rows.h"

namespace holdfast::record {

// Where a walk puts its frames.
struct FrameSink {
  std::uintptr_t* pcs;
  std::uint32_t max;
};

// What decided a walk's outcome, told to a Recorder as it goes: `word` for each stack word whose value
// mattered, `start_fp` when the frame pointer at the start did, `give_up` when more mattered than can be
// told.
struct NoRecorder {
  void word(std::uintptr_t, std::uintptr_t) noexcept {}
  void start_fp() noexcept {}
  void give_up() noexcept {}
};

// Every frame by its call frame information, with all registers and without the cache: slower, but goes
// through signal frames and what else needs more than rsp and rbp. Without call frame information for this
// machine it is empty.
Capture walk_all_registers(const StackStart& start, ReadableWindow& window, FrameSink sink) noexcept;

// Whether the chain of frame pointers from `fp` leads through code of which nothing is known back to code
// with call frame information, to the instruction after a call. Then, and only then, the frames in between
// can be believed: elsewhere rbp is a register like any other. Called where rows end; about 0.3 us.
bool frame_pointers_lead_back(std::uintptr_t fp, std::uintptr_t sp, ReadableWindow& window) noexcept;

template <typename Recorder>
Capture walk_frame_pointers(const StackStart& start, ReadableWindow& window, FrameSink sink,
                            Recorder& recorder) noexcept {
  std::uint32_t depth = 0;
  std::uintptr_t frame = start.fp, caller = 0, pc = 0;
  recorder.start_fp();
  for (;;) {
    if (frame == 0) return {depth, false};
    if (frame % sizeof frame != 0 || !window.word(frame, caller) || !window.word(frame + sizeof frame, pc)) {
      recorder.give_up();
      return {depth, true};
    }
    recorder.word(frame, caller);
    recorder.word(frame + sizeof frame, pc);
#if defined(__aarch64__)
    // Signed return addresses: strip the signature (a no-op where there is none).
    register std::uintptr_t link __asm__("x30") = pc;
    __asm__("hint #7" : "+r"(link));
    pc = link;
#endif
    if (pc == 0) return {depth, false};
    if (depth == sink.max) return {depth, true};
    sink.pcs[depth++] = pc;
    if (caller != 0 && caller <= frame) return {depth, true};
    frame = caller;
  }
}

#if defined(__x86_64__)
// One unwind by cached rows. Its state is local and few, so that the loop lives in registers.
template <typename Recorder>
class RowWalk {
 public:
  RowWalk(const StackStart& start, ReadableWindow& window, FrameSink sink, Recorder& recorder) noexcept
      : start_(start),
        window_(window),
        sink_(sink),
        recorder_(recorder),
        seal_(row_table().seal()),
        sp_(start.sp),
        fp_(start.fp) {}

  Capture run() noexcept {
    RowTable& table = row_table();
    std::uint32_t depth = 0;
    // Keys are code addresses + 1: a return address is looked up one before itself, inside the call.
    std::uintptr_t key = start_.pc + 1;
    for (;;) {
      Row row = table.find(key, seal_);
      if (row.kind() == Row::none) [[unlikely]] {
        row = learn_row(key - 1);
        // Code may yet be loaded where there is none now, so only what was found is kept.
        if (row.kind() != Row::lost) table.publish(key, seal_, row);
      }
      std::uintptr_t cfa;
      if (row.kind() == Row::from_sp) {
        cfa = sp_ + static_cast<std::uintptr_t>(row.cfa_offset());
      } else if (row.kind() == Row::from_fp) {
        fp_mattered();
        cfa = fp_ + static_cast<std::uintptr_t>(row.cfa_offset());
      } else if (row.kind() == Row::outermost) {
        return {depth, false};
      } else if (row.kind() == Row::lost) {
        // Code that a JIT made, or an object without an index of its frames.
        recorder_.give_up();
        if (!frame_pointers_lead_back(fp_, sp_, window_)) return {depth, true};
        cfa = fp_ + 2 * sizeof cfa;
        row = Row::step(Row::from_fp, false, 16, 0, Row::fp_at_cfa, -16);
      } else if (row.kind() == Row::all_registers) {
        recorder_.give_up();
        return walk_all_registers(start_, window_, sink_);
      } else if (!cfa_from_memory(row, cfa)) {
        return cut_short(depth);
      }
      const std::uintptr_t slot = cfa - sizeof cfa;
      std::uintptr_t pc;
      if (cfa <= sp_ || !window_.word(slot, pc)) [[unlikely]]
        return cut_short(depth);
      if (!step_fp(row, cfa)) [[unlikely]]
        return cut_short(depth);
      recorder_.word(slot, pc);
      if (pc == 0) return {depth, false};
      if (depth == sink_.max) return {depth, true};
      sink_.pcs[depth++] = pc;
      sp_ = cfa;
      key = pc;
    }
  }

 private:
  Capture cut_short(std::uint32_t depth) noexcept {
    recorder_.give_up();
    return {depth, true};
  }

  void fp_mattered() noexcept {
    if (fp_slot_ == 0) {
      recorder_.start_fp();
    } else {
      recorder_.word(fp_slot_, fp_);
    }
  }

  bool cfa_from_memory(Row row, std::uintptr_t& cfa) noexcept {
    if (row.memory_at_fp()) fp_mattered();
    const std::uintptr_t place =
        (row.memory_at_fp() ? fp_ : sp_) + static_cast<std::uintptr_t>(row.cfa_offset());
    if (!window_.word(place, cfa)) return false;
    recorder_.word(place, cfa);
    cfa += static_cast<std::uintptr_t>(row.addend());
    return true;
  }

  bool step_fp(Row row, std::uintptr_t cfa) noexcept {
    if (row.fp_rule() == Row::fp_kept) return true;
    if (row.fp_rule() == Row::fp_at_fp) fp_mattered();
    fp_slot_ = (row.fp_rule() == Row::fp_at_cfa ? cfa : fp_) + static_cast<std::uintptr_t>(row.fp_offset());
    return window_.word(fp_slot_, fp_);
  }

  const StackStart& start_;
  ReadableWindow& window_;
  FrameSink sink_;
  Recorder& recorder_;
  RowTable::Seal seal_;
  std::uintptr_t sp_;
  std::uintptr_t fp_;
  std::uintptr_t fp_slot_ = 0;  // where fp_ was read; 0 while it is the start's
};
#endif

// The walk by the unwinder now in use.
template <typename Recorder>
Capture walk(Unwinder unwinder, const StackStart& start, ReadableWindow& window, FrameSink sink,
             Recorder& recorder) noexcept {
#if defined(__x86_64__)
  if (unwinder == Unwinder::eh_frame) {
    return RowWalk<Recorder>(start, window, sink, recorder).run();
  }
#endif
  static_cast<void>(unwinder);
  return walk_frame_pointers(start, window, sink, recorder);
}

// The unwinder in use; false before choose_unwinder().
bool chosen_unwinder(Unwinder& unwinder) noexcept;

}  // namespace holdfast::record
