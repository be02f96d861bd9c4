// The backward search: passes over all ranges, in alternating directions, that note every word which points
// at a target, and make the block it lies in a target at once. Runs in the helper: no allocation, no locks,
// survives that anything it reads changes or vanishes. Shared figures: bytes scanned and passes, in the
// graph's progress.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/raw_memory.h"
#include "holders/graph.h"
#include "holders/layout.h"
#include "holders/page_filter.h"
#include "holders/reader.h"

namespace holdfast::holders {

inline constexpr std::size_t kChunkBytes = 64 * 1024;         // read at a time
inline constexpr std::size_t kWindowBytes = 2 * 1024 * 1024;  // asked about in one go which pages are there

// Working memory of one search, mapped by the caller.
struct Scratch {
  std::uint64_t words[kChunkBytes / 8];
  std::uint64_t page_entries[kWindowBytes / 4096];
  unsigned char pages_present[kWindowBytes / 4096];
};

struct SearchInput {
  const base::RawVector<Range>* ranges = nullptr;
  const Blocks* blocks = nullptr;
  const std::atomic<bool>* stop = nullptr;
  int pagemap = -1;              // an open /proc/self/pagemap, or -1: mincore() is asked instead
  std::int64_t deadline_ms = 0;  // CLOCK_MONOTONIC
  std::uint32_t max_passes = 16;
};

class Search {
 public:
  // All must outlive the search. The graph's wanted nodes are the first targets.
  Search(const SearchInput& input, const Reader& reader, Graph& graph, PageFilter& filter,
         Scratch& scratch) noexcept
      : input_(input), reader_(reader), graph_(graph), filter_(filter), scratch_(scratch) {}

  // Until a pass finds nothing new, or a cap is hit: then the graph's full() or the progress' out_of_time
  // says so.
  void run() noexcept;

 private:
  bool must_end() const noexcept;
  bool pass(bool upward, std::uintptr_t from) noexcept;
  void scan_window(const Range& range, std::uintptr_t start, std::uintptr_t limit, bool upward) noexcept;
  bool find_pages(const Range& range, std::uintptr_t start, std::uintptr_t limit) noexcept;
  void scan_chunk(const Range& range, std::uintptr_t start, std::uintptr_t limit) noexcept;
  void scan_words(const Range& range, std::uintptr_t start, std::size_t words) noexcept;
  void found(const Range& range, std::uintptr_t at, std::size_t index) noexcept;
  bool is_past_the_end(std::size_t index) const noexcept;

  const SearchInput& input_;
  const Reader& reader_;
  Graph& graph_;
  PageFilter& filter_;
  Scratch& scratch_;
  bool added_ = false;         // in this pass
  std::uintptr_t lowest_ = 0;  // where the pass stood when it added targets
  std::uintptr_t highest_ = 0;
};

}  // namespace holdfast::holders
