// Stack capture for the sampler: called inside malloc, on any thread, on any stack.
// noexcept, allocates nothing, takes no lock, preserves errno, reads no memory it has not shown to be readable.
#pragma once

#include <cstddef>
#include <cstdint>

namespace holdfast::record {

// The registers an unwind starts from, as they are in the capturing frame.
struct StackStart {
  std::uintptr_t pc;
  std::uintptr_t sp;
  std::uintptr_t fp;
};

// Reads them in the caller's own frame.
#if defined(__x86_64__)
#define HOLDFAST_STACK_START(start)                                                      \
  __asm__ volatile("leaq 0(%%rip), %0\n\tmovq %%rsp, %1\n\tmovq %%rbp, %2"               \
                   : "=&r"((start).pc), "=&r"((start).sp), "=&r"((start).fp))
#elif defined(__aarch64__)
#define HOLDFAST_STACK_START(start)                                                      \
  __asm__ volatile("adr %0, .\n\tmov %1, sp\n\tmov %2, x29"                              \
                   : "=&r"((start).pc), "=&r"((start).sp), "=&r"((start).fp))
#endif

enum class Unwinder : std::uint8_t { eh_frame, frame_pointers, libunwind };
const char* name(Unwinder unwinder) noexcept;

struct Capture {
  std::uint32_t depth = 0;
  bool truncated = false;  // cut at the limit, or the chain could not be followed to its end
};

// Writes return addresses into pcs[0..max), leaf first, the first being the return address of the capturing frame's
// caller chain (the capturing frame itself is not included).
Capture unwind_stack(const StackStart& start, std::uintptr_t* pcs, std::uint32_t max) noexcept;

// Picks the unwinder by a self-test (the eh_frame cache first, then frame pointers) and says which. Called once, before
// recording starts, from ordinary code; may allocate.
Unwinder choose_unwinder() noexcept;
Unwinder current_unwinder() noexcept;

// Forgets every cached row: code was unmapped (dlclose) and its addresses may come to mean something else.
void forget_unwind_rows() noexcept;

// Tells whether every word in [address, address + size) may be read, without faulting. For the calling thread's known
// stack it is two compares; elsewhere it asks the kernel and remembers the page.
bool readable(std::uintptr_t address, std::size_t size) noexcept;

// One remembered stack of the calling thread, keyed by (pc, sp): while each return address still lies unchanged in its
// stack slot, the stack is the same and its id need not be looked up. About 25-45 ns for 30 frames.
// A thread owns one MemoTable (exact mode only: a sampled program unwinds too rarely to need one).
class MemoTable;                                   // fixed size, lives in raw memory
MemoTable* new_memo_table() noexcept;              // nullptr when no memory
void free_memo_table(MemoTable* table) noexcept;

struct MemoResult {
  Capture capture;
  std::uint32_t id = 0;   // the remembered id when `hit`, else 0
  bool hit = false;
};
// As unwind_stack, but on a hit fills no pcs and returns the id given to remember() for the very same stack.
MemoResult unwind_stack_memo(MemoTable& table, const StackStart& start, std::uintptr_t* pcs, std::uint32_t max) noexcept;
// Attaches `id` to the stack that the last missed unwind_stack_memo on this table captured.
void remember(MemoTable& table, std::uint32_t id) noexcept;

}  // namespace holdfast::record
