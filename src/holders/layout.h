// Which memory is searched, and what each part of it is: data of modules, thread-local storage, stacks above
// their stack pointers, heap. Built on a quiet thread before the search, read in the helper.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/raw_memory.h"

namespace holdfast::holders {

enum class RangeKind : std::uint8_t {
  heap,   // holds blocks, and the allocator's leavings between them: a pointer outside of every block means
          // nothing
  data,   // .data and .bss of a module; `index` is its number
  tls,    // thread-local variables; `index` is the thread's number
  stack,  // from the stack pointer up; `index` is the thread's number
  anonymous,  // mapped by somebody: the program's own arenas, or heap that no table knows
  skipped,    // Holdfast's own, below a stack pointer, and what else must not be taken for a holder
};

struct Range {
  std::uintptr_t start = 0;
  std::uintptr_t limit = 0;
  RangeKind kind = RangeKind::anonymous;
  bool is_runtime = false;  // libc's or the allocator's data: believed last
  std::uint32_t index = 0;
};

// A readable and writable mapping that can hold the program's pointers, from the text of /proc/self/maps:
// private or anonymous memory. Files and devices mapped for sharing are left out: reading a device may do
// things.
struct WritableMapping {
  std::uintptr_t start = 0;
  std::uintptr_t limit = 0;
  std::string_view path;
};
std::vector<WritableMapping> parse_writable_mappings(std::string_view maps);

// Collects what is known about addresses, later notes going before earlier ones where they overlap, and cuts
// it into disjoint ascending ranges. Only what mappings cover is kept.
class Layout {
 public:
  void add_mapping(const WritableMapping& mapping) {
    add({mapping.start, mapping.limit, RangeKind::anonymous, false, 0});
  }
  void add(const Range& range) {
    if (range.start < range.limit) noted_.push_back(range);
  }
  // Ascending, disjoint, `skipped` ones left out; false when memory is short. `mappings` are the first notes.
  bool build(std::size_t mappings, base::RawVector<Range>& out) const;

 private:
  std::vector<Range> noted_;
};

// The range around an address, or nullptr.
const Range* range_of(const base::RawVector<Range>& ranges, std::uintptr_t address) noexcept;

}  // namespace holdfast::holders
