// Which unwinder this process gets: each is asked for the stacks of a few known kinds of frames, and must
// tell the same as the compiler's own _Unwind_Backtrace.
#include <alloca.h>
#include <unwind.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>

#include "record/unwind.h"
#include "record/unwind_walk.h"

namespace holdfast::record {
namespace {

enum class Choice : std::uint8_t { none, eh_frame, frame_pointers };
std::atomic<Choice> choice{Choice::none};

constexpr std::uint32_t trial_frames = 64;

struct Trial {
  Unwinder unwinder;
  bool agrees = true;
  std::uint32_t stacks = 0;
};

struct Reference {
  std::array<std::uintptr_t, trial_frames> pcs{};
  std::uint32_t depth = 0;
  bool skipped_self = false;
};

_Unwind_Reason_Code collect(_Unwind_Context* context, void* argument) {
  auto& reference = *static_cast<Reference*>(argument);
  const std::uintptr_t pc = _Unwind_GetIP(context);
  if (!reference.skipped_self) {
    reference.skipped_self = true;  // the frame that asked
  } else if (pc != 0 && reference.depth < trial_frames) {
    reference.pcs[reference.depth++] = pc;
  }
  return _URC_NO_REASON;
}

__attribute__((noinline)) void compare_here(Trial& trial) noexcept {
  Reference reference;
  _Unwind_Backtrace(collect, &reference);
  StackStart start;
  HOLDFAST_STACK_START(start);
  std::array<std::uintptr_t, trial_frames> pcs{};
  ReadableWindow window(reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0)));
  NoRecorder recorder;
  const Capture capture = walk(trial.unwinder, start, window, FrameSink{pcs.data(), trial_frames}, recorder);
  ++trial.stacks;
  trial.agrees = trial.agrees && capture.depth == reference.depth && capture.depth != 0 &&
                 std::equal(pcs.begin(), pcs.begin() + capture.depth, reference.pcs.begin());
}

// Kinds of frames, each calling compare_here from its middle.
__attribute__((noinline)) void plain_frame(Trial& trial) noexcept {
  compare_here(trial);
  __asm__ volatile("");
}

__attribute__((noinline)) void moving_frame(Trial& trial, std::size_t bytes) noexcept {
  void* room = alloca(bytes);
  std::memset(room, 0, bytes);
  __asm__ volatile("" : : "r"(room) : "memory");
  plain_frame(trial);
  __asm__ volatile("");
}

__attribute__((noinline)) void realigned_frame(Trial& trial) noexcept {
  alignas(64) std::array<char, 64> room{};
  __asm__ volatile("" : : "r"(room.data()) : "memory");
  moving_frame(trial, 100);
  __asm__ volatile("" : : "r"(room.data()) : "memory");
}

bool passes(Unwinder unwinder) noexcept {
  Trial trial{.unwinder = unwinder};
  plain_frame(trial);
  moving_frame(trial, 1000);
  realigned_frame(trial);
  realigned_frame(trial);  // once more, from warm rows
  return trial.agrees && trial.stacks == 4;
}

Choice choose() noexcept {
#if defined(__x86_64__)
  if (row_table().open() && passes(Unwinder::eh_frame)) return Choice::eh_frame;
#endif
  // The last resort too: what it cannot follow comes out truncated and is counted as such.
  return Choice::frame_pointers;
}

}  // namespace

bool chosen_unwinder(Unwinder& unwinder) noexcept {
  const Choice made = choice.load(std::memory_order_acquire);
  unwinder = made == Choice::eh_frame ? Unwinder::eh_frame : Unwinder::frame_pointers;
  return made != Choice::none;
}

Unwinder current_unwinder() noexcept {
  Unwinder unwinder;
  chosen_unwinder(unwinder);
  return unwinder;
}

Unwinder choose_unwinder() noexcept {
  if (choice.load(std::memory_order_acquire) == Choice::none) {
    learn_to_probe();
    choice.store(choose(), std::memory_order_release);
  }
  return current_unwinder();
}

}  // namespace holdfast::record
