// The resident memory of this process by kind: what /proc/self/status counts, and its anonymous part told
// apart page by page. Quiet thread; allocates; milliseconds.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "record/allocator_use.h"

namespace holdfast::snapshot {

struct AddressRange {
  std::uint64_t start = 0;
  std::uint64_t limit = 0;
};

// What the recorder knows of its own memory and of the threads.
struct KnownMemory {
  std::vector<AddressRange> tables;             // Holdfast's own mappings
  std::vector<AddressRange> variables;          // zero-initialised ones of the program and its libraries
  AddressRange region;                          // where small sampled blocks live
  std::vector<std::uint64_t> thread_addresses;  // one inside the stack mapping of each thread known
};

// Bytes.
struct Resident {
  std::uint64_t rss = 0, anonymous = 0, files = 0, shared = 0;  // as the kernel counts them
  bool has_pages = false;                                       // the rest could be told apart
  std::uint64_t stacks = 0, tables = 0, region = 0;
  std::uint64_t data = 0;   // written pages of files, and zero-initialised variables
  std::uint64_t heap = 0;   // the allocator's: anonymous memory that is nothing of the others
  std::uint64_t other = 0;  // mapped by the program itself
};

// nullopt where there is no /proc/self/status.
std::optional<Resident> read_resident(const KnownMemory& known, const record::AllocatorQuestions& questions);

}  // namespace holdfast::snapshot
