#include "record/unwind.h"

#include <cstring>

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

#if defined(__x86_64__)
namespace {

// Whether a call ends right before `address`: call rel32 (e8), or call through a register or memory (ff /2),
// which takes 2 to 7 bytes (Intel SDM vol. 2).
bool follows_a_call(std::uintptr_t address) noexcept {
  constexpr std::size_t longest = 7, direct = 5;
  if (address < 4096 || !readable(address - longest, longest)) return false;
  std::uint8_t code[longest];
  std::memcpy(code, reinterpret_cast<const void*>(address - longest), longest);
  if (code[longest - direct] == 0xe8) return true;
  for (std::size_t length = 2; length <= longest; ++length) {
    if (code[longest - length] == 0xff && (code[longest - length + 1] >> 3 & 7) == 2) return true;
  }
  return false;
}

}  // namespace

bool frame_pointers_lead_back(std::uintptr_t fp, std::uintptr_t sp, ReadableWindow& window) noexcept {
  constexpr int most_unknown = 64;
  for (int i = 0; i < most_unknown; ++i) {
    std::uintptr_t caller_fp, address;
    if (fp % sizeof fp != 0 || fp < sp || !window.word(fp, caller_fp) ||
        !window.word(fp + sizeof fp, address))
      return false;
    const Row::Kind kind = address == 0 ? Row::lost : learn_row(address - 1).kind();
    if (kind != Row::lost && kind != Row::outermost) return follows_a_call(address);
    if (caller_fp <= fp) return false;
    sp = fp + 2 * sizeof fp;
    fp = caller_fp;
  }
  return false;
}
#endif

Capture unwind_stack(const StackStart& start, std::uintptr_t* pcs, std::uint32_t max) noexcept {
  Unwinder unwinder;
  if (!chosen_unwinder(unwinder)) return {0, true};
  ReadableWindow window(reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0)));
  NoRecorder recorder;
  return walk(unwinder, start, window, FrameSink{pcs, max}, recorder);
}

void forget_unwind_rows() noexcept { row_table().forget(); }

}  // namespace holdfast::record
