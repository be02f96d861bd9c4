// What malloc and free do when the fast path says "look closer": a sample is due, or a pointer may be a sampled block.
// Any thread, inside malloc: noexcept, errno preserved unless the allocation fails.
#pragma once

#include <cstddef>

#include "hook/real.h"
#include "record/own_frames.h"
#include "record/recorder.h"

#define HOLDFAST_HOOK_LIKELY(x) __builtin_expect(!!(x), 1)

namespace holdfast::hook {

// How an allocation is to be made where it is not sampled; the values name the real function.
enum class Call { malloc, calloc, memalign };

// malloc, calloc (zeroed) and memalign; `alignment` 0 where none was asked for. nullptr when there is no memory.
void* allocate_slow(std::size_t size, std::size_t alignment, Call call) noexcept;
void free_slow(void* p) noexcept;
// realloc of a block that may be ours, or that becomes a sample.
void* reallocate_slow(void* p, std::size_t size) noexcept;
std::size_t usable_size_slow(void* p) noexcept;

// The fast paths: 4 instructions on malloc and 8 on free before the real allocator.
[[gnu::always_inline]] inline bool take_from_countdown(std::size_t size) noexcept {
#if defined(__x86_64__)
  // Subtract first, ask the flags, undo when it was too much. A signal handler in between sees a countdown
  // that never runs out, or 0, and in both cases counts on rightly.
  bool used_up;
  __asm__ volatile("subq %2, %1" : "=@ccbe"(used_up), "+m"(record::t_state.countdown) : "r"(size));
  if (HOLDFAST_HOOK_LIKELY(!used_up)) return true;
  __asm__ volatile("addq %1, %0" : "+m"(record::t_state.countdown) : "r"(size) : "cc");
  return false;
#else
  const std::uint64_t countdown = __atomic_load_n(&record::t_state.countdown, __ATOMIC_RELAXED);
  if (!HOLDFAST_HOOK_LIKELY(size < countdown)) return false;
  __atomic_store_n(&record::t_state.countdown, countdown - size, __ATOMIC_RELAXED);
  return true;
#endif
}

[[gnu::always_inline]] inline void* allocate(std::size_t size) noexcept {
  if (HOLDFAST_HOOK_LIKELY(take_from_countdown(size))) return g_real.malloc(size);
  return allocate_slow(size, 0, Call::malloc);
}

[[gnu::always_inline]] inline void* allocate_aligned(std::size_t alignment, std::size_t size) noexcept {
  if (HOLDFAST_HOOK_LIKELY(take_from_countdown(size))) return g_real.memalign(alignment, size);
  return allocate_slow(size, alignment, Call::memalign);
}

[[gnu::always_inline]] inline void release(void* p) noexcept {
  if (__builtin_expect(record::maybe_ours(p), 0)) return free_slow(p);
  g_real.free(p);
}

// The hook is in use only where something names it: a static archive would be left out by the linker otherwise, and a
// profiler that sees nothing would say nothing. Makes a few allocations, the C library's and the C++ library's own among
// them, and returns nullptr when all were seen, else what was not: "malloc", "operator new", "malloc inside libc".
HOLDFAST_SHARED const char* unseen_allocation() noexcept;

// How allocations are seen, for people: "symbol interposition".
HOLDFAST_SHARED const char* how_seen() noexcept;

// Defined beside malloc, operator new and setrlimit: naming them makes the linker take those objects out of the archive even
// when an allocator's library comes first on its line.
extern const char kMallocIsLinked;
extern const char kOperatorNewIsLinked;
extern const char kLimitsAreLinked;

// Registers the fork handlers. Once, from ordinary code.
HOLDFAST_SHARED void install_fork_handlers() noexcept;

}  // namespace holdfast::hook
