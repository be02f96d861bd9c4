// Which code is Holdfast's hook: those frames are left out of every stack. The hook's functions are put into a linker
// section of their own, whose bounds the linker provides. Any thread, allocation-free.
#pragma once

#include <cstdint>

// Marks a function as part of the hook.
#define HOLDFAST_OWN_FRAME __attribute__((section("holdfast_hook")))

extern "C" {
// Weak: a program without the hook (the rooms' own tests) has no such section.
extern const char __start_holdfast_hook[] __attribute__((weak, visibility("hidden")));
extern const char __stop_holdfast_hook[] __attribute__((weak, visibility("hidden")));
}

namespace holdfast::record {

// More own frames than this never lie on top of a stack.
inline constexpr std::uint32_t kOwnFramesAtMost = 8;

inline bool is_own_frame(std::uintptr_t return_address) noexcept {
  const auto start = reinterpret_cast<std::uintptr_t>(__start_holdfast_hook);
  const auto stop = reinterpret_cast<std::uintptr_t>(__stop_holdfast_hook);
  return return_address - 1 - start < stop - start;
}

}  // namespace holdfast::record
