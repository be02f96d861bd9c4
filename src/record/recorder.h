// The recorder: decides which allocations are sampled, and knows every sampled block until it is freed.
//
// The hook asks it inside malloc and free, on any thread: those functions are noexcept, allocate only mapped pages,
// preserve errno, wait for no lock without a bound, and turn trouble into a counter. start, stop and set_interval come
// from ordinary code (session.cc), one at a time.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "base/raw_memory.h"
#include "base/shared.h"
#include "base/spin_lock.h"
#include "record/label_scope.h"
#include "record/label_table.h"
#include "record/region.h"
#include "record/shard.h"
#include "record/site_table.h"
#include "record/thread_state.h"
#include "record/work_clock.h"

namespace holdfast::record {

// What free() compares a pointer with. Read on every free, written only when recording starts or stops; on a
// cache line of its own.
struct alignas(64) FastPath {
  std::uintptr_t region_base = 0;
  std::uintptr_t region_size = 0;
  // A block outside the region may be ours only if these address bits are zero. All zero in exact mode, where large
  // blocks carry no tag and every pointer is looked up.
  std::uintptr_t tag_mask = 0xffff;
};
extern FastPath g_fast __attribute__((visibility("hidden")));

// False: not one of ours, for certain. About 6 instructions; two branches, neither taken on the way to "false".
[[gnu::always_inline]] inline bool maybe_ours(const void* p) noexcept {
  const auto address = reinterpret_cast<std::uintptr_t>(p);
  if (__builtin_expect(address - g_fast.region_base < g_fast.region_size, 0)) return true;
#if defined(__x86_64__)
  bool tagged;  // compilers make two instructions of what `test` does in one
  __asm__("testq %2, %1" : "=@ccz"(tagged) : "m"(g_fast.tag_mask), "r"(address));
  return __builtin_expect(tagged, 0);
#else
  return __builtin_expect((address & g_fast.tag_mask) == 0, 0);
#endif
}
inline bool in_region(const void* p) noexcept {
  return reinterpret_cast<std::uintptr_t>(p) - g_fast.region_base < g_fast.region_size;
}

// Everything dropped or degraded, each counted since the process began.
struct Drops {
  std::atomic<std::uint64_t> region_full{0};       // small samples kept as large blocks: no room in the region
  std::atomic<std::uint64_t> large_untracked{0};   // samples not taken: no memory for the record or an aligned block
  std::atomic<std::uint64_t> lock_timeouts{0};     // samples not taken: a lock could not be had
  std::atomic<std::uint64_t> stacks_truncated{0};  // stacks cut at the limit or not followed to their end
  std::atomic<std::uint64_t> stacks_empty{0};      // samples without any stack
  std::atomic<std::uint64_t> lifetimes_lost{0};    // freed blocks whose lifetime is not in the histogram: no memory
  std::atomic<std::uint64_t> frees_deferred{0};    // frees put off because a signal handler came in between
};

struct Decision {
  bool sample = false;
  std::uint16_t interval_id = 0;
  std::uint64_t next_countdown = kParked;
};

// A thread that has allocated, and how far its thread-local storage lies from the asking thread's.
struct KnownThread {
  std::uint32_t thread_id;  // gettid
  std::uintptr_t distance;  // modulo 2^64
};

enum class Released { yes, not_ours, deferred };

// One block, found by its address.
struct Found {
  bool ours = false;
  std::size_t usable = 0;  // bytes the program may use
  bool small = false;      // in the region
  bool exact = false;      // recorded in exact mode
  bool unknown = false;    // a large block that may be one of ours: its lock could not be had
};

class HOLDFAST_SHARED Recorder {
 public:
  static constexpr int kShards = 32;
  static constexpr int kLargeShards = 4;
  static constexpr std::uint64_t kRecheckBytes = 1 << 20;  // how soon a thread notices a start it was not told of
  static constexpr std::size_t kIntervals = 256;
  static constexpr std::uint32_t kMaxFrames = 256;

  // ---- from ordinary code, one caller at a time

  // Lets threads be known from now on, even while nothing is recorded. Before main.
  void make_thread_key() noexcept;
  // Reserves the region, chooses the unwinder, makes the thread key. Once; false when there is no thread key left.
  bool prepare() noexcept;
  // Starts with the mean interval (kExact for every allocation). False when the table of intervals is full.
  bool start(std::uint64_t interval_bytes, std::uint32_t max_frames, bool glibc_behind) noexcept;
  void stop() noexcept;
  // Gives address space back that the program's own limit would count. From then on samples that find no room in the
  // region are recorded as large blocks.
  void shrink_region() noexcept;
  bool recording() const noexcept { return recording_.load(std::memory_order_acquire); }
  std::uint32_t epoch() const noexcept { return epoch_.load(std::memory_order_acquire); }
  std::uint64_t interval_bytes() const noexcept {
    return interval_of(interval_id_.load(std::memory_order_relaxed));
  }

  // ---- inside malloc: the caller is in an InsideScope

  // Whether this allocation is sampled. `countdown` is what the thread's countdown was on entry.
  Decision decide(std::size_t size, std::uint64_t countdown) noexcept;
  // The site of the caller's stack and of the labels in force; frames inside Holdfast's hook are left out.
  SiteId capture_site(const StackStart& start) noexcept;
  // A small sampled block, recorded; nullptr (and a counter) when it cannot be had.
  void* take_small(std::size_t size, std::size_t alignment, SiteId site, std::uint16_t interval_id) noexcept;
  // Records a block of the real allocator; false (and a counter) when it cannot be.
  bool track_large(void* block, std::size_t size, SiteId site, std::uint16_t interval_id) noexcept;
  // The alignment that makes a large block recognisable; 0 when none is needed.
  std::size_t large_tag() const noexcept { return g_fast.tag_mask == 0 ? 0 : g_fast.tag_mask + 1; }

  // Forgets the block at p: freed. For a small one that is all; a large one the caller gives back to the real allocator.
  // `deferred`: the block could not be released here; the caller hands it to defer(). Aborts, as an allocator would, on
  // a double free or a pointer into the middle of a block.
  Released release(void* p) noexcept;
  // Small exact blocks grow and shrink in place while they fit their slot.
  bool resize_in_place(void* p, std::size_t size, SiteId site) noexcept;
  Found find(const void* p) noexcept;
  // False: no large block of ours starts there. One load.
  bool may_be_large(const void* p) const noexcept;

  // Frees put off, to be done by the next thread that comes by. The link lies in the block itself.
  void defer(void* p) noexcept;
  void* take_deferred() noexcept;                   // the whole list, or nullptr
  static void* next_deferred(void* p) noexcept { return *static_cast<void**>(p); }

  // ---- for the snapshot

  Shard& shard(int i) noexcept { return shards_[i]; }
  const Shard& shard(int i) const noexcept { return shards_[i]; }
  SiteTable& sites() noexcept { return sites_; }
  LabelTable& labels() noexcept { return labels_; }
  LabelPool& label_pool() noexcept { return label_pool_; }
  Region& region() noexcept { return region_; }
  const Region& region() const noexcept { return region_; }
  WorkClock& work() noexcept { return work_; }
  Drops& drops() noexcept { return drops_; }
  std::uint64_t interval_of(std::uint16_t id) const noexcept {
    return intervals_[id].load(std::memory_order_relaxed);
  }
  struct IntervalPoint {
    std::int64_t time_ns;
    std::uint64_t interval_bytes;  // 0 = stopped
  };
  // Copies the changes of the interval, oldest first; returns how many were written.
  std::size_t interval_history(IntervalPoint* out, std::size_t max) noexcept;
  std::int64_t started_ns() const noexcept { return started_ns_.load(std::memory_order_relaxed); }
  std::size_t own_bytes() const noexcept;  // mapped for the recorder's tables, touched or not
  // Where those tables lie, as base::mapped_ranges() tells it of the library that carries the recorder.
  std::size_t own_ranges(base::MappedRange* out, std::size_t max) const noexcept;
  std::int64_t uptime_ns() const noexcept;  // since the first start
  std::int64_t started_wall_ns() const noexcept { return started_wall_ns_.load(std::memory_order_relaxed); }

  // Where the state of each known thread but the main one lies, which is inside its stack's mapping; returns how many.
  std::size_t thread_addresses(std::uintptr_t* out, std::size_t max) noexcept;

  // ---- fork: called around it, all locks in one order
  void before_fork() noexcept;
  void after_fork(bool in_child) noexcept;

  // ---- threads
  void forget_thread(ThreadState& thread) noexcept;  // the thread key's destructor
  // Writes up to `max` of them; returns how many there are. 0 when the lock could not be had.
  std::size_t known_threads(KnownThread* out, std::size_t max) noexcept;

 private:
  static constexpr std::size_t kHistory = 64;

  void begin_epoch(std::uint64_t interval_bytes, std::uint16_t id, bool recording) noexcept;
  bool intern_interval(std::uint64_t interval_bytes, std::uint16_t& id) noexcept;
  SiteId with_labels(SiteId site) noexcept;
  template <typename Use>
  void each_lock(Use use) noexcept;  // all of them, in the one order in which they are taken
  void register_thread() noexcept;
  void notice_threads(std::uint32_t epoch) noexcept;
  Released release_small(void* p) noexcept;
  Released release_large(void* p) noexcept;
  bool lock_for_release(Shard& shard) noexcept;
  void count_free(Shard& shard, SiteCounters& counters, const Weight& weight, std::int64_t lifetime_ns) noexcept;
  Shard& large_shard(std::uintptr_t address) noexcept;
  void tick(std::int64_t now) noexcept;

  SiteTable sites_;
  LabelTable labels_;
  LabelPool label_pool_;
  Region region_;
  WorkClock work_;
  Drops drops_;
  Shard shards_[kShards];

  std::atomic<bool> recording_{false};
  std::atomic<std::uint32_t> epoch_{0};
  std::atomic<std::uint16_t> interval_id_{0};
  std::atomic<std::uint32_t> max_frames_{64};
  std::atomic<std::uint64_t> intervals_[kIntervals] = {};
  std::atomic<std::uint16_t> interval_count_{0};
  std::atomic<std::int64_t> started_ns_{0};
  std::atomic<std::int64_t> started_wall_ns_{0};
  IntervalPoint history_[kHistory] = {};  // under threads_lock_
  std::size_t history_count_ = 0;
  bool untagged_large_ = false;           // exact mode has left large blocks that carry no tag

  base::SpinLock threads_lock_;
  ThreadState* threads_ = nullptr;
  std::atomic<std::uint32_t> thread_count_{0};
  std::atomic<void*> deferred_{nullptr};
};

// The one recorder of the process, constant-initialised.
HOLDFAST_SHARED extern constinit Recorder g_recorder;

}  // namespace holdfast::record
