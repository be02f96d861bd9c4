#include "holders/search.h"

#include <time.h>

#include "holders/syscalls.h"

namespace holdfast::holders {
namespace {

constexpr std::uintptr_t kPage = 4096;
constexpr std::uint64_t kPresent = std::uint64_t{1} << 63;
constexpr std::uint64_t kSwapped = std::uint64_t{1} << 62;

}  // namespace

void Search::run() noexcept {
  for (std::uint32_t i = 0; i < graph_.nodes(); ++i) filter_.add(graph_.node(i).block);
  // Going up, a target found on the way has seen what lies above it; the next pass, down from the highest of
  // them, shows it the rest. So each pass is as long as it must be.
  std::uintptr_t from = 0;
  for (std::uint32_t n = 0; n < input_.max_passes; ++n) {
    const bool upward = n % 2 == 0;
    added_ = false;
    lowest_ = ~std::uintptr_t{0};
    highest_ = 0;
    graph_.progress().passes.store(n + 1, std::memory_order_relaxed);
    if (!pass(upward, from)) {
      graph_.progress().out_of_time = true;
      return;
    }
    if (!added_ || graph_.full()) return;
    from = upward ? highest_ : lowest_;
  }
  graph_.progress().out_of_time = true;
}

bool Search::must_end() const noexcept {
  timespec now{};
  raw_syscall(SYS_clock_gettime, CLOCK_MONOTONIC, as_long(&now));
  return input_.stop->load(std::memory_order_relaxed) ||
         std::int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000 >= input_.deadline_ms;
}

// False when it was stopped.
bool Search::pass(bool upward, std::uintptr_t from) noexcept {
  const base::RawVector<Range>& ranges = *input_.ranges;
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    const Range& range = ranges[upward ? i : ranges.size() - 1 - i];
    if (upward ? range.limit <= from : range.start > from) continue;
    // Windows are aligned, so that both directions cut a range at the same places.
    const std::uintptr_t first = range.start & ~(kWindowBytes - 1);
    const std::size_t windows = (range.limit - first + kWindowBytes - 1) / kWindowBytes;
    for (std::size_t w = 0; w < windows; ++w) {
      const std::uintptr_t window = first + kWindowBytes * (upward ? w : windows - 1 - w);
      const std::uintptr_t limit = window + kWindowBytes < range.limit ? window + kWindowBytes : range.limit;
      if (upward ? limit <= from : window > from) continue;
      if (must_end()) return false;
      scan_window(range, window < range.start ? range.start : window, limit, upward);
      if (graph_.full()) return true;
    }
  }
  return true;
}

// Which pages hold something: reading one that does not would make it, and swapped ones are worth their
// reading. False when nobody can tell, and all must be read.
bool Search::find_pages(const Range& range, std::uintptr_t start, std::uintptr_t limit) noexcept {
  if (range.kind == RangeKind::data || range.kind == RangeKind::tls) return false;
  const std::uintptr_t first = start & ~(kPage - 1);
  const std::size_t pages = (limit - first + kPage - 1) / kPage;
  if (input_.pagemap >= 0) {
    const long bytes = static_cast<long>(pages * sizeof(std::uint64_t));
    const long got = raw_syscall(SYS_pread64, input_.pagemap, as_long(scratch_.page_entries), bytes,
                                 static_cast<long>(first / kPage * sizeof(std::uint64_t)));
    if (got == bytes) {
      for (std::size_t i = 0; i < pages; ++i) {
        scratch_.pages_present[i] = (scratch_.page_entries[i] & (kPresent | kSwapped)) != 0;
      }
      return true;
    }
  }
  return raw_syscall(SYS_mincore, static_cast<long>(first), static_cast<long>(pages * kPage),
                     as_long(scratch_.pages_present)) == 0;
}

void Search::scan_window(const Range& range, std::uintptr_t start, std::uintptr_t limit,
                         bool upward) noexcept {
  const bool pages_known = find_pages(range, start, limit);
  const std::uintptr_t first_page = start & ~(kPage - 1);
  const std::uintptr_t first_chunk = start & ~(kChunkBytes - 1);
  const std::size_t chunks = (limit - first_chunk + kChunkBytes - 1) / kChunkBytes;
  for (std::size_t c = 0; c < chunks; ++c) {
    const std::uintptr_t chunk = first_chunk + kChunkBytes * (upward ? c : chunks - 1 - c);
    const std::uintptr_t chunk_start = chunk < start ? start : chunk;
    const std::uintptr_t chunk_limit = chunk + kChunkBytes < limit ? chunk + kChunkBytes : limit;
    if (!pages_known) {
      scan_chunk(range, chunk_start, chunk_limit);
      continue;
    }
    std::uintptr_t at = chunk_start;
    while (at < chunk_limit) {  // stretches of pages that are there
      if ((scratch_.pages_present[(at - first_page) / kPage] & 1) == 0) {
        at = (at & ~(kPage - 1)) + kPage;
        continue;
      }
      std::uintptr_t end = at;
      while (end < chunk_limit && (scratch_.pages_present[(end - first_page) / kPage] & 1) != 0) {
        end = (end & ~(kPage - 1)) + kPage;
      }
      if (end > chunk_limit) end = chunk_limit;
      scan_chunk(range, at, end);
      at = end;
    }
  }
}

void Search::scan_chunk(const Range& range, std::uintptr_t start, std::uintptr_t limit) noexcept {
  start = (start + 7) & ~std::uintptr_t{7};
  while (start < limit) {
    const std::size_t got = reader_.read(start, scratch_.words, limit - start);
    scan_words(range, start, got / 8);
    graph_.progress().scanned_bytes.fetch_add(got, std::memory_order_relaxed);
    if (got >= limit - start) return;
    start = ((start + got) & ~(kPage - 1)) + kPage;  // over the page that has gone
  }
}

// The hot loop: a load, a subtraction and a compare per word.
void Search::scan_words(const Range& range, std::uintptr_t start, std::size_t words) noexcept {
  std::uintptr_t low = filter_.low();
  std::uintptr_t span = filter_.span();
  const std::uint64_t* const w = scratch_.words;
  std::size_t i = 0;
  const auto look = [&](std::size_t at) {
    if (w[at] - low >= span || !filter_.test(w[at])) return;
    found(range, start + at * 8, at);
    low = filter_.low();
    span = filter_.span();
  };
  for (; i + 8 <= words; i += 8) {
    const bool any = ((w[i] - low < span) | (w[i + 1] - low < span) | (w[i + 2] - low < span) |
                      (w[i + 3] - low < span) | (w[i + 4] - low < span) | (w[i + 5] - low < span) |
                      (w[i + 6] - low < span) | (w[i + 7] - low < span)) != 0;
    if (!any) continue;
    for (std::size_t k = i; k < i + 8; ++k) look(k);
  }
  for (; i < words; ++i) look(i);
}

// A vector's third word points behind its buffer, where the next block may begin: then the word before it, or the one
// before that, points into the block that ends here. Two pointers to neighbours look alike, so that such a link is
// believed less, not dropped. `index` is of the word in the chunk.
bool Search::is_past_the_end(std::size_t index) const noexcept {
  const std::uintptr_t word = scratch_.words[index];
  Block before;
  if (!input_.blocks->find(word - 1, before) || before.start + before.size != word) return false;
  const auto points_inside = [&](std::size_t back) {
    return back <= index && scratch_.words[index - back] - before.start < before.size;
  };
  if (points_inside(1)) return true;
  return index >= 1 && scratch_.words[index - 1] == word && points_inside(2) && !points_inside(3);
}

void Search::found(const Range& range, std::uintptr_t at, std::size_t index) noexcept {
  const std::uintptr_t word = scratch_.words[index];
  Block target;
  if (!input_.blocks->find(word, target)) return;
  const std::uint32_t held = graph_.find(target.start);
  if (held == kNone) return;
  const bool is_end = word == target.start && is_past_the_end(index);
  const bool in_memory_of_blocks = range.kind == RangeKind::heap || range.kind == RangeKind::anonymous;
  if (!in_memory_of_blocks) {
    // libc's and the allocators' thread-local variables are their caches of freed blocks.
    if (range.kind == RangeKind::tls && range.is_runtime) return;
    graph_.link(held, kNone, at, word, is_end);
    const bool is_firm = !is_end && range.kind != RangeKind::stack && !range.is_runtime;
    graph_.node(held).is_rooted = graph_.node(held).is_rooted || is_firm;
    return;
  }
  Block around;
  if (!input_.blocks->find(at, around)) {
    if (range.kind == RangeKind::anonymous) graph_.link(held, kNone, at, word, is_end);
    return;
  }
  // Whoever else holds a block that a global points at is no part of its shortest chain.
  if (around.start == target.start || graph_.node(held).is_rooted) return;
  bool is_new = false;
  const std::uint32_t holder = graph_.add(around, is_new);
  if (holder == kNone) return;
  if (is_new) {
    filter_.add(around);
    added_ = true;
    if (at < lowest_) lowest_ = at;
    if (at > highest_) highest_ = at;
  }
  graph_.link(held, holder, at, word, is_end);
}

}  // namespace holdfast::holders
