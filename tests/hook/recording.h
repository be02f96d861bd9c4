// A recording for one test: started on construction, stopped at the end, its sites readable in between.
#pragma once

#include <cstddef>
#include <cstdint>

#include "snapshot/frozen.h"

// A function whose allocations a test looks for by its address: never inlined or cloned, with kSiteCode bytes
// to itself.
#if defined(__clang__)
#define HOLDFAST_TEST_SITE [[gnu::noinline, gnu::aligned(512)]]
#else
#define HOLDFAST_TEST_SITE [[gnu::noipa, gnu::aligned(512)]]
#endif

namespace holdfast::hook {

inline constexpr std::size_t kSiteCode = 512;

class Recording {
 public:
  explicit Recording(std::uint64_t interval_bytes);
  Recording(const Recording&) = delete;
  Recording& operator=(const Recording&) = delete;
  ~Recording();

  snapshot::Frozen freeze() const;
  // The same with the table of memory.
  snapshot::Frozen freeze_with_memory() const;
};

// Sums over the sites whose stack passes through a HOLDFAST_TEST_SITE.
struct Sum {
  std::uint64_t alloc_samples = 0, freed_samples = 0;
  double alloc_objects = 0, alloc_bytes = 0, inuse_objects = 0, inuse_bytes = 0;
  double variance = 0;  // of inuse_bytes
};
Sum through(const snapshot::Frozen& frozen, const void* function);

}  // namespace holdfast::hook
