// Looks into mappings, before the search, for what their addresses do not tell: glibc's control blocks at the
// top of thread stacks, those of threads that have gone included (their stacks are kept for reuse, full of
// stale words), and the heads of glibc's arenas. Runs in the helper.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/raw_memory.h"
#include "holders/reader.h"

namespace holdfast::holders {

// glibc's HEAP_MAX_SIZE: the heaps of its arenas begin at multiples of it.
inline constexpr std::uintptr_t kHeapAlignment = std::uintptr_t{64} << 20;

struct Probed {
  std::uintptr_t start = 0;  // of the mapping, or of a piece of it between multiples of kHeapAlignment
  std::uintptr_t limit = 0;
  std::uintptr_t control_block = 0;  // of the thread whose stack it is; 0: no stack
  int thread = 0;                    // its gettid; 0 when it has gone
  bool is_arena = false;             // heap of glibc's malloc
};

// Where glibc keeps the thread's id in its control block, found out on the calling thread; 0 when it cannot
// be.
std::size_t thread_id_offset() noexcept;

// Fills in all but the bounds.
void probe(const Reader& reader, std::size_t thread_id_offset, base::RawVector<Probed>& mappings) noexcept;

}  // namespace holdfast::holders
