// Blocks of glibc's malloc that the recorder does not know, found by walking its heaps from chunk to chunk: a bit for each
// 16 bytes at which a chunk begins, and another where it is in use. Chunks in a thread's cache or a fastbin count as in
// use; all links from them are stale, and as good as any stale word. The walk is racy: it is checked, and done again when it
// loses its way. Filled in the helper on memory reserved before; found in the helper: noexcept, no allocation, no locks.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/raw_memory.h"
#include "holders/blocks.h"
#include "holders/layout.h"
#include "holders/reader.h"

namespace holdfast::holders {

class Chunks {
 public:
  Chunks() = default;
  Chunks(const Chunks&) = delete;
  Chunks& operator=(const Chunks&) = delete;
  ~Chunks();

  // Reserves the bits for all `heap` and `anonymous` ranges outside of [not_from, not_to): 1.6 % of them, of which only
  // what is walked becomes memory. False when no address space is to be had.
  bool reserve(const base::RawVector<Range>& ranges, std::uintptr_t not_from, std::uintptr_t not_to) noexcept;

  // Walks them. Heaps whose walk does not end where it must keep what was walked.
  void walk(const Reader& reader) noexcept;

  // The chunk in use around an address. What it gives is what the program may use of it.
  bool find(std::uintptr_t address, Block& block) const noexcept;

  std::uint32_t heaps() const noexcept { return heaps_; }            // walked to their end
  std::uint32_t broken_heaps() const noexcept { return broken_; }

 private:
  struct Segment {
    std::uintptr_t start, limit;
    std::uint64_t* begins;  // bit per 16 bytes from start
    std::uint64_t* in_use;
    bool is_heap;           // of an arena; else perhaps chunks of mmap
  };
  static constexpr int kTries = 5;

  bool walk_heap(const Reader& reader, Segment& segment, std::uintptr_t from) noexcept;
  void walk_mapped(const Reader& reader, Segment& segment) noexcept;
  std::uintptr_t first_chunk(const Reader& reader, const Segment& segment) const noexcept;
  bool leads_on(const Reader& reader, const Segment& segment, std::uintptr_t chunk) const noexcept;
  const Segment* segment_of(std::uintptr_t address) const noexcept;

  base::RawVector<Segment> segments_;
  void* memory_ = nullptr;
  std::size_t bytes_ = 0;
  std::uint32_t heaps_ = 0, broken_ = 0;
};

// What the recorder knows, and where it knows nothing what the chunks tell.
class RecordedAndChunks final : public Blocks {
 public:
  RecordedAndChunks(const Blocks& recorded, const Chunks& chunks) noexcept : recorded_(recorded), chunks_(chunks) {}
  bool find(std::uintptr_t address, Block& block) const noexcept override {
    return recorded_.find(address, block) || chunks_.find(address, block);
  }

 private:
  const Blocks& recorded_;
  const Chunks& chunks_;
};

}  // namespace holdfast::holders
