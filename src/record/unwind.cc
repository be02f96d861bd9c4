#include "record/unwind.h"

#include "record/unwind_memory.h"
#include "record/unwind_walk.h"

namespace holdfast::record {

const char* name(Unwinder unwinder) noexcept {
  switch (unwinder) {
    case Unwinder::eh_frame:
      return "eh_frame rows";
    case Unwinder::frame_pointers:
      return "frame pointers";
  }
  return "unknown";
}

Capture unwind_stack(const StackStart& start, std::uintptr_t* pcs, std::uint32_t max) noexcept {
  Unwinder unwinder;
  if (!chosen_unwinder(unwinder)) return {0, true};
  ReadableWindow window(reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0)));
  NoRecorder recorder;
  return walk(unwinder, start, window, FrameSink{pcs, max}, recorder);
}

void forget_unwind_rows() noexcept { row_table().forget(); }

}  // namespace holdfast::record
