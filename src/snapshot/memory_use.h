// The table of the process' memory: what the recorder knows, what the allocator says of itself and what the
// kernel counts, put together so that the parts add up to RSS and what they cannot explain is named. Quiet
// thread; allocates.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "profile/memory_table.h"
#include "record/allocator_use.h"
#include "record/recorder.h"

namespace holdfast::snapshot {

// A sampled block that lives in the real allocator.
struct LargeSample {
  std::uint64_t address = 0;
  std::uint64_t size = 0;
  double objects = 0;  // that it stands for
};

// Sums over the live samples of one snapshot.
struct LiveMemory {
  double in_use_bytes = 0;         // unbiased, all
  double rounding_bytes = 0;       // unbiased: what the allocator adds to blocks in it
  double region_bytes = 0;         // of the blocks that live in the recorder's region, as they are
  std::vector<LargeSample> large;  // of 64 KiB and more: whether they were touched is looked up
};

inline constexpr std::uint64_t kLargeEnoughToLook = 64 * 1024;

// nullopt where the kernel tells nothing. `live` is as of just now.
std::optional<profile::MemoryTable> measure_memory(record::Recorder& recorder, LiveMemory live,
                                                   const record::AllocatorQuestions& questions);

}  // namespace holdfast::snapshot
