#include "holders/chunks.h"

#include <sys/mman.h>

#include "holders/probe.h"

namespace holdfast::holders {
namespace {

constexpr std::uintptr_t kGrain = 16;
constexpr std::uintptr_t kHeader = 16;       // prev_size and size before what the program gets
constexpr std::uintptr_t kSmallest = 32;
constexpr std::uintptr_t kPage = 4096;
constexpr std::uint64_t kInUseBefore = 1;    // PREV_INUSE
constexpr std::uint64_t kMapped = 2;         // IS_MMAPPED
constexpr std::uint64_t kFlags = 7;
constexpr std::uintptr_t kMostArenaHead = 4096;  // heap_info and malloc_state before the first chunk
constexpr int kSteps = 64;                       // chunks that must follow each other for a beginning to be believed
constexpr std::uintptr_t kFarthest = std::uintptr_t{1} << 32;

void set(std::uint64_t* bits, std::size_t i) noexcept { bits[i / 64] |= std::uint64_t{1} << (i % 64); }
bool get(const std::uint64_t* bits, std::size_t i) noexcept { return (bits[i / 64] >> (i % 64) & 1) != 0; }

// Reads words one by one from a window, so that a walk costs one copy per page and not one per chunk.
class Window {
 public:
  explicit Window(const Reader& reader) noexcept : reader_(reader) {}
  bool word(std::uintptr_t at, std::uint64_t& value) noexcept {
    if (at < start_ || at + 8 > start_ + got_) {
      start_ = at & ~(kPage - 1);
      got_ = reader_.read(start_, words_, sizeof words_);
      if (at + 8 > start_ + got_) return false;
    }
    value = words_[(at - start_) / 8];
    return true;
  }

 private:
  const Reader& reader_;
  std::uintptr_t start_ = 1;
  std::size_t got_ = 0;
  std::uint64_t words_[4 * kPage / 8];
};

}  // namespace

Chunks::~Chunks() {
  if (memory_ != nullptr) munmap(memory_, bytes_);
}

bool Chunks::reserve(const base::RawVector<Range>& ranges, std::uintptr_t not_from, std::uintptr_t not_to) noexcept {
  std::size_t words = 0;
  for (const Range& range : ranges) {
    const bool is_heap = range.kind == RangeKind::heap;
    if (!is_heap && range.kind != RangeKind::anonymous) continue;
    if (range.start < not_to && range.limit > not_from) continue;
    const std::uintptr_t start = range.start & ~(kPage - 1);
    if (!segments_.push_back({start, range.limit, nullptr, nullptr, is_heap})) return false;
    words += 2 * ((range.limit - start) / kGrain / 64 + 2);
  }
  if (words == 0) return true;
  bytes_ = words * sizeof(std::uint64_t);
  void* p = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (p == MAP_FAILED) return false;
  memory_ = p;
  auto* bits = static_cast<std::uint64_t*>(p);
  for (Segment& segment : segments_) {
    const std::size_t each = (segment.limit - segment.start) / kGrain / 64 + 2;
    segment.begins = bits;
    segment.in_use = bits + each;
    bits += 2 * each;
  }
  return true;
}

void Chunks::walk(const Reader& reader) noexcept {
  for (Segment& segment : segments_) {
    if (!segment.is_heap) {
      walk_mapped(reader, segment);
      continue;
    }
    // heap_info's third word: what of the mapping the heap uses now.
    std::uintptr_t used = 0;
    if (segment.start % kHeapAlignment == 0 && reader.get(segment.start + 16, used) && used % kPage == 0 && used != 0 &&
        used < segment.limit - segment.start) {
      segment.limit = segment.start + used;
    }
    bool is_done = false;
    for (int n = 0; n < kTries && !is_done; ++n) {
      const std::uintptr_t first = first_chunk(reader, segment);
      if (first != 0) is_done = walk_heap(reader, segment, first);
    }
    ++(is_done ? heaps_ : broken_);
  }
}

// The main heap begins with a chunk; the others after heap_info and, the first of an arena, malloc_state, whose size is
// that of this very C library: the first place from which chunk follows chunk.
std::uintptr_t Chunks::first_chunk(const Reader& reader, const Segment& segment) const noexcept {
  for (std::uintptr_t offset = 0; offset < kMostArenaHead; offset += kGrain) {
    if (segment.start + offset + kSmallest > segment.limit) break;
    if (leads_on(reader, segment, segment.start + offset)) return segment.start + offset;
  }
  return 0;
}

bool Chunks::leads_on(const Reader& reader, const Segment& segment, std::uintptr_t chunk) const noexcept {
  std::uint64_t size = 0;
  for (int step = 0; step < kSteps; ++step) {
    if (!reader.get(chunk + 8, size)) return false;
    // Nothing lies before the first chunk, and neither is it mapped.
    if (step == 0 && (size & (kInUseBefore | kMapped)) != kInUseBefore) return false;
    const std::uint64_t bytes = size & ~kFlags;
    if (bytes < kSmallest || bytes % kGrain != 0 || bytes > segment.limit - chunk) return false;
    chunk += bytes;
    if (chunk == segment.limit) return true;
    if (chunk + kSmallest > segment.limit) return segment.limit - chunk <= kSmallest;
  }
  return true;
}

// True when it ends where it must: at the end of the heap, with the top chunk. Bits of an earlier try stay: they were as
// true then.
bool Chunks::walk_heap(const Reader& reader, Segment& segment, std::uintptr_t from) noexcept {
  Window window(reader);
  std::uintptr_t chunk = from;
  std::uintptr_t previous = 0;
  while (chunk < segment.limit) {
    std::uint64_t size = 0;
    if (chunk + kSmallest > segment.limit) return true;  // fencepost of a heap that is not the arena's last
    if (!window.word(chunk + 8, size)) return false;
    const std::uint64_t bytes = size & ~kFlags;
    set(segment.begins, (chunk - segment.start) / kGrain);
    if (previous != 0 && (size & kInUseBefore) != 0) set(segment.in_use, (previous - segment.start) / kGrain);
    if (bytes < kSmallest) return bytes == kGrain && segment.limit - chunk <= kPage;  // a fencepost
    if (bytes % kGrain != 0 || bytes > segment.limit - chunk) return false;
    previous = chunk;
    chunk += bytes;
  }
  return chunk == segment.limit;
}

// Chunks with a mapping of their own begin a page, know their size in whole pages, and follow each other where the kernel
// shows several as one mapping.
void Chunks::walk_mapped(const Reader& reader, Segment& segment) noexcept {
  for (std::uintptr_t page = segment.start; page + kPage <= segment.limit;) {
    std::uint64_t head[2] = {};
    const bool is_read = reader.get(page, head);
    const std::uint64_t bytes = head[1] & ~kFlags;
    if (is_read && head[0] == 0 && (head[1] & kFlags) == kMapped && bytes % kPage == 0 && bytes != 0 &&
        bytes <= segment.limit - page) {
      set(segment.begins, (page - segment.start) / kGrain);
      set(segment.in_use, (page - segment.start) / kGrain);
      page += bytes;
      set(segment.begins, (page - segment.start) / kGrain);
    } else {
      page += kPage;
    }
  }
}

const Chunks::Segment* Chunks::segment_of(std::uintptr_t address) const noexcept {
  std::size_t low = 0;
  std::size_t high = segments_.size();
  while (low < high) {
    const std::size_t middle = (low + high) / 2;
    if (segments_[middle].limit <= address) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low < segments_.size() && segments_[low].start <= address ? &segments_[low] : nullptr;
}

bool Chunks::find(std::uintptr_t address, Block& block) const noexcept {
  const Segment* segment = segment_of(address);
  if (segment == nullptr || address - segment->start < kHeader) return false;
  // Backwards to where a chunk begins, 64 places at a time.
  std::size_t i = (address - kHeader - segment->start) / kGrain;
  std::uint64_t word = segment->begins[i / 64] & (~std::uint64_t{0} >> (63 - i % 64));
  std::size_t w = i / 64;
  while (word == 0 && w > 0 && (i / 64 - w) * 64 * kGrain < kFarthest) word = segment->begins[--w];
  if (word == 0) return false;
  i = w * 64 + 63 - static_cast<std::size_t>(__builtin_clzll(word));
  if (!get(segment->in_use, i)) return false;
  // Forwards to the next.
  const std::size_t count = (segment->limit - segment->start) / kGrain;
  std::size_t next = i + 1;
  word = next % 64 == 0 ? 0 : segment->begins[next / 64] & (~std::uint64_t{0} << (next % 64));
  w = next / 64;
  if (next % 64 == 0) word = segment->begins[w];
  while (word == 0 && w < count / 64) word = segment->begins[++w];
  next = word == 0 ? count : w * 64 + static_cast<std::size_t>(__builtin_ctzll(word));
  const std::uintptr_t start = segment->start + i * kGrain + kHeader;
  const std::uintptr_t limit = segment->start + next * kGrain + 8;  // the next one's first word is still ours
  if (address >= limit || limit <= start) return false;
  block = {start, limit - start, kNoSite, true};
  return true;
}

}  // namespace holdfast::holders
