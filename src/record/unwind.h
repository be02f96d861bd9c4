// Stack capture for the sampler and for exact mode: called inside malloc, on any thread, on any stack.
// noexcept, allocates nothing, takes no lock, preserves errno, reads no memory it has not shown to be
// readable.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/shared.h"

namespace holdfast::record {

// The registers an unwind starts from, as they are in the capturing frame. The callee-saved ones beyond `fp`
// matter only to the rare frame whose place is told relative to them (the lazy binder of the dynamic loader);
// zero means unknown.
struct StackStart {
  std::uintptr_t pc;
  std::uintptr_t sp;
  std::uintptr_t fp;
#if defined(__x86_64__)
  std::uintptr_t rbx = 0, r12 = 0, r13 = 0, r14 = 0, r15 = 0;
#endif
};

// Reads them in the caller's own frame.
#if defined(__x86_64__)
#define HOLDFAST_STACK_START(start)                                                                    \
  __asm__ volatile(                                                                                    \
      "movq %%rbx, %3\n\tmovq %%r12, %4\n\tmovq %%r13, %5\n\tmovq %%r14, %6\n\tmovq %%r15, %7\n\t"     \
      "leaq 0(%%rip), %0\n\tmovq %%rsp, %1\n\tmovq %%rbp, %2"                                          \
      : "=&r"((start).pc), "=&r"((start).sp), "=&r"((start).fp), "=m"((start).rbx), "=m"((start).r12), \
        "=m"((start).r13), "=m"((start).r14), "=m"((start).r15))
#elif defined(__aarch64__)
#define HOLDFAST_STACK_START(start)                         \
  __asm__ volatile("adr %0, .\n\tmov %1, sp\n\tmov %2, x29" \
                   : "=&r"((start).pc), "=&r"((start).sp), "=&r"((start).fp))
#endif

enum class Unwinder : std::uint8_t { eh_frame, frame_pointers };
HOLDFAST_SHARED const char* name(Unwinder unwinder) noexcept;

struct Capture {
  std::uint32_t depth = 0;
  bool truncated = false;  // cut at the limit, or the chain could not be followed to its end
};

// Writes return addresses into pcs[0..max), leaf first, the first being the return address of the capturing
// frame (the capturing frame itself is not included). Below a signal frame the address is the interrupted
// instruction itself, as _Unwind_Backtrace tells it. Uses under 2 KiB of stack. Before choose_unwinder() it
// answers an empty, truncated capture.
Capture unwind_stack(const StackStart& start, std::uintptr_t* pcs, std::uint32_t max) noexcept;

// Picks the unwinder by a self-test (the eh_frame rows first, then frame pointers), prepares what capturing
// needs and says which was taken. Called before recording starts, from ordinary code; may allocate. Calling
// it again is harmless.
Unwinder choose_unwinder() noexcept;
HOLDFAST_SHARED Unwinder current_unwinder() noexcept;

// Forgets every cached row and every remembered stack: code was unmapped (dlclose) and its addresses may come
// to mean something else. Constant time, any thread; call it after the unmapping.
void forget_unwind_rows() noexcept;

// Tells whether every byte in [address, address + size) may be read now, without faulting. On the calling
// thread's own stack it is two compares; elsewhere it asks the kernel, page by page, each time (about 0.1 us
// a page), because others may unmap that memory. Where the kernel refuses to answer it says no.
bool readable(std::uintptr_t address, std::size_t size) noexcept;

// The last stack of one thread and the ids of those before: a new stack is walked only as far as it differs from the last,
// the rest is compared word by word, and its id is found frame by frame. For exact mode: a sampled program unwinds too
// rarely to need one. Works on the thread's own stack and to 512 frames; on fibers and alternate signal stacks each
// capture unwinds anew, since their memory may have been given back.
class MemoTable;                       // about 240 KiB of raw memory, touched as used
MemoTable* new_memo_table() noexcept;  // nullptr when no memory
void free_memo_table(MemoTable* table) noexcept;

struct MemoResult {
  Capture capture;
  std::uint32_t id = 0;  // the remembered id when `hit`, else 0
  bool hit = false;
};
// As unwind_stack but without the hook's own frames where it knows them; on a hit fills no pcs and returns the id given to remember() for the very same stack.
// One thread at a time, not from a signal handler that interrupts it on the same table.
MemoResult unwind_stack_memo(MemoTable& table, const StackStart& start, std::uintptr_t* pcs,
                             std::uint32_t max) noexcept;
// Attaches `id` to the stack that the last missed unwind_stack_memo on this table captured.
void remember(MemoTable& table, std::uint32_t id) noexcept;

}  // namespace holdfast::record
