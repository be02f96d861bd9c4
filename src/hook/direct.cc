#include "hook/direct.h"

#include <sys/mman.h>
#include <sys/single_threaded.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>

#include "hook/real.h"
#include "record/own_frames.h"

namespace holdfast::hook {

#if defined(__x86_64__)
namespace {

// jmp *disp32(%rip) and call *disp32(%rip), and what they become: jmp rel32 and call rel32, then nop (Intel
// SDM vol. 2).
constexpr std::size_t kLength = 6;
constexpr unsigned char kIndirect = 0xff, kJumpTo = 0x25, kCallTo = 0x15, kJump = 0xe9, kCall = 0xe8,
                        kNop = 0x90;

// The word of g_real that the six bytes at `code` jump through, or nullptr when they are something else. That
// other bytes look like it by accident is a matter of 2^-40 for each, and of one build: its tests would show.
const std::uintptr_t* slot_of(const unsigned char* code) noexcept {
  if (code[0] != kIndirect || (code[1] != kJumpTo && code[1] != kCallTo)) return nullptr;
  std::int32_t displacement;
  std::memcpy(&displacement, code + 2, sizeof displacement);
  const auto slot = reinterpret_cast<std::uintptr_t>(code) + kLength +
                    static_cast<std::uintptr_t>(std::int64_t{displacement});
  const auto table = reinterpret_cast<std::uintptr_t>(&g_real);
  if (slot - table >= sizeof g_real || slot % sizeof(slot) != 0) return nullptr;
  return reinterpret_cast<const std::uintptr_t*>(slot);
}

bool rewrite(unsigned char* code, std::uintptr_t target) noexcept {
  const auto distance =
      static_cast<std::int64_t>(target - (reinterpret_cast<std::uintptr_t>(code) + kLength - 1));
  const auto reach = static_cast<std::int32_t>(distance);
  if (target == 0 || reach != distance) return false;
  // One store, so that a signal handler that allocates meets the old call or the new one.
  std::uint64_t word;
  std::memcpy(&word, code, sizeof word);
  auto* bytes = reinterpret_cast<unsigned char*>(&word);
  bytes[0] = code[1] == kJumpTo ? kJump : kCall;
  std::memcpy(bytes + 1, &reach, sizeof reach);
  bytes[kLength - 1] = kNop;
  __asm__ volatile("movq %1, %0" : "=m"(*reinterpret_cast<std::uint64_t*>(code)) : "r"(word) : "memory");
  return true;
}

}  // namespace

int make_calls_direct() noexcept {
  if (!resolve() || !__libc_single_threaded) return 0;
  auto* code = reinterpret_cast<unsigned char*>(const_cast<char*>(__start_holdfast_hook));
  auto* end = reinterpret_cast<unsigned char*>(const_cast<char*>(__stop_holdfast_hook));
  if (end - code < 8) return 0;
  const int saved = errno;
  const auto page = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
  const std::uintptr_t first = reinterpret_cast<std::uintptr_t>(code) & ~(page - 1);
  const std::size_t bytes = reinterpret_cast<std::uintptr_t>(end) - first;
  int rewritten = 0;
  // Executable all the while: this very function may lie in the same pages.
  if (mprotect(reinterpret_cast<void*>(first), bytes, PROT_READ | PROT_WRITE | PROT_EXEC) == 0) {
    for (; end - code >= 8; ++code) {
      const std::uintptr_t* slot = slot_of(code);
      if (slot != nullptr && rewrite(code, *slot)) ++rewritten;
    }
    mprotect(reinterpret_cast<void*>(first), bytes, PROT_READ | PROT_EXEC);
  }
  errno = saved;
  return rewritten;
}

#else

int make_calls_direct() noexcept { return 0; }

#endif

}  // namespace holdfast::hook
