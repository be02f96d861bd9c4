// The recorder's blocks: taking, finding and releasing sampled memory.
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "base/random.h"
#include "record/clock.h"
#include "record/recorder.h"

namespace holdfast::record {
namespace {

// Says how many tracked large blocks share a hash of their address, so that a look-up of a foreign pointer ends here.
class LargeFilter {
 public:
  void add(std::uintptr_t address) noexcept { cell(address).fetch_add(1, std::memory_order_relaxed); }
  void remove(std::uintptr_t address) noexcept { cell(address).fetch_sub(1, std::memory_order_relaxed); }
  bool may_contain(std::uintptr_t address) noexcept {
    return cell(address).load(std::memory_order_relaxed) != 0;
  }

 private:
  static constexpr std::size_t kCells = 1u << 15;
  std::atomic<std::uint32_t>& cell(std::uintptr_t address) noexcept {
    return cells_[base::mix(address >> 4) % kCells];
  }
  std::atomic<std::uint32_t> cells_[kCells] = {};
};

constinit LargeFilter g_filter;

// As an allocator does on a corrupted heap: one line, then abort. Uses no memory.
[[noreturn, gnu::cold]] void die(const char* what, const void* p) noexcept {
  char text[128];
  std::size_t n = 0;
  const auto put = [&](const char* s) {
    while (*s != '\0' && n < sizeof(text) - 1) text[n++] = *s++;
  };
  put("holdfast: ");
  put(what);
  put(" of a sampled block at 0x");
  for (int shift = 60; shift >= 0; shift -= 4) {
    const auto digit = (reinterpret_cast<std::uintptr_t>(p) >> shift) & 15;
    const char hex[2] = {"0123456789abcdef"[digit], '\0'};
    put(hex);
  }
  put("; the program is aborted\n");
  [[maybe_unused]] const auto written = write(STDERR_FILENO, text, n);
  std::abort();
}

// The slot at p, which must be the start of a live block of the region.
[[gnu::always_inline]] inline Slot& live_slot(Span* span, const void* p, const char* doing) noexcept {
  const auto address = reinterpret_cast<std::uintptr_t>(p);
  if (span == nullptr || !span->in_use.load(std::memory_order_acquire)) die(doing, p);
  const std::uint32_t i = span->slot_index(address);
  if (i >= span->slot_count || span->slot_address(i) != p) die("invalid free", p);
  if (span->slots[i].state != SlotState::live) die(doing, p);
  return span->slots[i];
}

}  // namespace

void* Recorder::take_small(std::size_t size, std::size_t alignment, SiteId site,
                           std::uint16_t interval_id) noexcept {
  const std::uint64_t interval = interval_of(interval_id);
  // Exact mode spreads threads over all shards; samples are rare enough for a few.
  const bool exact = interval <= kExact;
  const int shards = exact ? kShards : kLargeShards;
  const auto shard_index = static_cast<std::uint16_t>(t_state.shard & (shards - 1));  // powers of two
  Shard& shard = shards_[shard_index];
  const std::size_t room = exact ? size : coarse_size(size);
  const int c = alignment <= 16 ? size_class(room) : size_class(room, alignment);
  const Weight weight = weight_of(size, interval);
  const std::int64_t now = now_ns();

  char* block = nullptr;
  {
    const base::SpinGuard guard(shard.lock);
    if (!guard) return nullptr;
    SiteCounters* counters = shard.counters(site);
    Span* span = shard.partial(c);
    if (span == nullptr && counters != nullptr) {
      span = region_.take_span(c, shard_index);
      if (span != nullptr) shard.link_partial(span);
    }
    if (span == nullptr || counters == nullptr) {
      drops_.region_full.fetch_add(1, std::memory_order_relaxed);
      return nullptr;
    }
    const std::uint32_t i = span->take();
    if (span->full()) shard.unlink_partial(span);
    Slot& slot = span->slots[i];
    slot.birth_ns = now;
    slot.site = site;
    slot.thread = t_state.thread_id;
    slot.size = static_cast<std::uint16_t>(size);
    slot.interval_id = interval_id;
    slot.state = SlotState::live;
    shard.count_alloc(*counters, weight);
    block = span->slot_address(i);
  }
  work_.add_bytes(weight.bytes);
  if (size >= SizeSteps::kSmallest) sites_.note_size(site, size, now - started_ns());
  tick(now);
  return block;
}

Shard& Recorder::large_shard(std::uintptr_t address) noexcept {
  return shards_[(base::mix(address) >> 32) % kLargeShards];
}

bool Recorder::track_large(void* block, std::size_t size, SiteId site, std::uint16_t interval_id) noexcept {
  const auto address = reinterpret_cast<std::uintptr_t>(block);
  const Weight weight = weight_of(size, interval_of(interval_id));
  const std::int64_t now = now_ns();
  Shard& shard = large_shard(address);
  {
    const base::SpinGuard guard(shard.lock);
    SiteCounters* counters = guard ? shard.counters(site) : nullptr;
    if (counters == nullptr ||
        !shard.insert_large({address, size, now, site, t_state.thread_id, 0, interval_id})) {
      (guard ? drops_.large_untracked : drops_.lock_timeouts).fetch_add(1, std::memory_order_relaxed);
      return false;
    }
    g_filter.add(address);
    shard.count_alloc(*counters, weight);
  }
  work_.add_bytes(weight.bytes);
  sites_.note_size(site, size, now - started_ns());
  tick(now);
  return true;
}

bool Recorder::lock_for_release(Shard& shard) noexcept {
  // A signal handler that interrupted the recorder may hold this very lock on this very thread.
  return t_state.inside > 1 ? shard.lock.try_lock() : shard.lock.lock_bounded();
}

void Recorder::count_free(Shard& shard, SiteCounters& counters, const Weight& weight, std::int64_t lifetime_ns) noexcept {
  if (!shard.count_free(counters, weight, lifetime_ns)) drops_.lifetimes_lost.fetch_add(1, std::memory_order_relaxed);
}

Released Recorder::release(void* p) noexcept { return in_region(p) ? release_small(p) : release_large(p); }

Released Recorder::release_small(void* p) noexcept {
  Span* span = region_.span_of(reinterpret_cast<std::uintptr_t>(p));
  if (span == nullptr) die("invalid free", p);
  const std::int64_t now = now_ns();
  Shard& shard = shards_[span->shard];
  if (!lock_for_release(shard)) return Released::deferred;
  Slot& slot = live_slot(span, p, "double free");
  SiteCounters* counters = shard.counters(slot.site);
  if (counters != nullptr) {
    count_free(shard, *counters, weight_of(slot.size, interval_of(slot.interval_id)), now - slot.birth_ns);
  }
  const bool was_full = span->full();
  span->give(static_cast<std::uint32_t>(&slot - span->slots));
  if (was_full) shard.link_partial(span);
  Span* empty = nullptr;
  // An empty span goes back unless it is the only one of its class with room: the next sample would fetch it again.
  if (span->live == 0 && (span->next != nullptr || span->previous != nullptr)) {
    shard.unlink_partial(span);
    empty = span;
  }
  shard.lock.unlock();
  if (empty != nullptr) region_.give_span(empty);
  return Released::yes;
}

Released Recorder::release_large(void* p) noexcept {
  const auto address = reinterpret_cast<std::uintptr_t>(p);
  if (!g_filter.may_contain(address)) return Released::not_ours;
  const std::int64_t now = now_ns();
  Shard& shard = large_shard(address);
  if (!lock_for_release(shard)) return Released::deferred;
  LargeBlock block;
  const bool ours = shard.remove_large(address, block);
  if (ours) {
    g_filter.remove(address);
    SiteCounters* counters = shard.counters(block.site);
    if (counters != nullptr) {
      count_free(shard, *counters, weight_of(block.size, interval_of(block.interval_id)), now - block.birth_ns);
    }
  }
  shard.lock.unlock();
  return ours ? Released::yes : Released::not_ours;
}

bool Recorder::resize_in_place(void* p, std::size_t size, SiteId site) noexcept {
  Span* span = region_.span_of(reinterpret_cast<std::uintptr_t>(p));
  if (span == nullptr) die("invalid realloc", p);
  const std::int64_t now = now_ns();
  Shard& shard = shards_[span->shard];
  if (!lock_for_release(shard)) return false;
  Slot& slot = live_slot(span, p, "realloc after free");
  bool done = false;
  // Not when the block would leave most of its slot unused.
  if (size <= span->slot_bytes && size > span->slot_bytes / 2 && interval_of(slot.interval_id) <= kExact) {
    SiteCounters* before = shard.counters(slot.site);
    SiteCounters* after = shard.counters(site);
    if (before != nullptr && after != nullptr) {
      count_free(shard, *before, weight_of(slot.size, kExact), now - slot.birth_ns);
      shard.count_alloc(*after, weight_of(size, kExact));
      slot.site = site;
      slot.size = static_cast<std::uint16_t>(size);
      slot.birth_ns = now;
      slot.thread = t_state.thread_id;
      done = true;
    }
  }
  shard.lock.unlock();
  if (done) work_.add_bytes(static_cast<double>(size));
  return done;
}

bool Recorder::may_be_large(const void* p) const noexcept {
  return g_filter.may_contain(reinterpret_cast<std::uintptr_t>(p));
}

Found Recorder::find(const void* p) noexcept {
  const auto address = reinterpret_cast<std::uintptr_t>(p);
  Found found;
  if (in_region(p)) {
    Span* span = region_.span_of(address);
    if (span == nullptr) return found;
    // The program holds the block, so its slot does not change under us: no lock.
    const std::uint32_t i = span->slot_index(address);
    if (i >= span->slot_count || span->slot_address(i) != p) return found;
    if (span->slots[i].state != SlotState::live) return found;
    found = {true, span->slot_bytes, true, interval_of(span->slots[i].interval_id) <= kExact};
    return found;
  }
  if (!g_filter.may_contain(address)) return found;
  Shard& shard = large_shard(address);
  // From a handler that interrupted the recorder, do not wait: see lock_for_release.
  if (t_state.inside != 0 ? !shard.lock.try_lock() : !shard.lock.lock_bounded()) {
    found.unknown = true;
    return found;
  }
  if (const LargeBlock* block = shard.find_large(address)) {
    found = {true, static_cast<std::size_t>(block->size), false, interval_of(block->interval_id) <= kExact};
  }
  shard.lock.unlock();
  return found;
}

void Recorder::defer(void* p) noexcept {
  drops_.frees_deferred.fetch_add(1, std::memory_order_relaxed);
  void* head = deferred_.load(std::memory_order_relaxed);
  do {
    *static_cast<void**>(p) = head;
  } while (!deferred_.compare_exchange_weak(head, p, std::memory_order_release, std::memory_order_relaxed));
}

void* Recorder::take_deferred() noexcept {
  if (deferred_.load(std::memory_order_relaxed) == nullptr) return nullptr;
  return deferred_.exchange(nullptr, std::memory_order_acquire);
}

}  // namespace holdfast::record
