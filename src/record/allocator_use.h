// What the allocator behind the hook says of itself: filled by hook/allocator_use.cc, read by the snapshot.
// Plain values.
#pragma once

#include <cstddef>
#include <cstdint>

namespace holdfast::record {

struct AllocatorUse {
  bool is_known = false;        // false: the allocator tells nothing, all below is 0
  std::uint64_t allocated = 0;  // bytes in blocks handed out, rounding included; also where never touched
  std::uint64_t free = 0;       // bytes it holds for further blocks, an upper bound of what is resident
  std::uint64_t metadata = 0;   // its own tables, where it counts them apart
};

// The questions a snapshot asks; each may be null. Called on a quiet thread, never inside malloc.
struct AllocatorQuestions {
  AllocatorUse (*use)() noexcept = nullptr;
  // Bytes a block of `size` really takes.
  std::size_t (*good_size)(std::size_t size) noexcept = nullptr;
  // How many bytes from the page at `page` on are the allocator's, seen at this page; 0 when none. Anonymous
  // memory up to `limit`, which others may unmap meanwhile. Null where the allocator cannot be asked safely.
  std::size_t (*owned_from)(std::uintptr_t page, std::uintptr_t limit) noexcept = nullptr;
};

}  // namespace holdfast::record
