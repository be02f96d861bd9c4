#include "record/recorder.h"

#include <pthread.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/random.h"
#include "record/clock.h"
#include "record/own_frames.h"

namespace holdfast::record {

__thread ThreadState t_state __attribute__((tls_model("initial-exec")));
constinit Recorder g_recorder;
FastPath g_fast;

namespace {

pthread_key_t g_thread_key;
bool g_key_made = false;

std::uint64_t seed(const ThreadState& t) noexcept {
  return base::mix(static_cast<std::uint64_t>(now_ns()) ^ (std::uint64_t{t.thread_id} << 40) ^
                   reinterpret_cast<std::uintptr_t>(&t)) |
         1;
}

void thread_exits(void* state) noexcept { g_recorder.forget_thread(*static_cast<ThreadState*>(state)); }

}  // namespace

QuietScope::QuietScope() noexcept : saved_countdown_(t_state.countdown) {
  ++t_state.quiet;
  __atomic_store_n(&t_state.countdown, kParked, __ATOMIC_RELAXED);
}

QuietScope::~QuietScope() {
  if (--t_state.quiet != 0) return;
  // 0 makes the next allocation look again: recording started, stopped or changed meanwhile.
  const bool changed = t_state.epoch != g_recorder.epoch();
  __atomic_store_n(&t_state.countdown, changed ? 0 : saved_countdown_, __ATOMIC_RELAXED);
}

void Recorder::make_thread_key() noexcept {
  if (!g_key_made) g_key_made = pthread_key_create(&g_thread_key, thread_exits) == 0;
}

bool Recorder::prepare() noexcept {
  make_thread_key();
  choose_unwinder();
  region_.reserve();
  return g_key_made;
}

void Recorder::shrink_region() noexcept {
  const std::size_t left = region_.end_growth();
  if (g_fast.region_size > left) g_fast.region_size = left;
  std::atomic_thread_fence(std::memory_order_seq_cst);
  region_.unreserve();
}

bool Recorder::intern_interval(std::uint64_t interval_bytes, std::uint16_t& id) noexcept {
  const std::uint16_t count = interval_count_.load(std::memory_order_relaxed);
  for (id = 0; id < count; ++id) {
    if (interval_of(id) == interval_bytes) return true;
  }
  if (count == kIntervals) return false;
  intervals_[count].store(interval_bytes, std::memory_order_relaxed);
  interval_count_.store(static_cast<std::uint16_t>(count + 1), std::memory_order_release);
  return true;
}

bool Recorder::start(std::uint64_t interval_bytes, std::uint32_t max_frames, bool glibc_behind) noexcept {
  std::uint16_t id = 0;
  if (!intern_interval(interval_bytes, id)) return false;
  const bool exact = interval_bytes <= kExact;
  if (exact) {
    calibrate_clock();
    untagged_large_ = true;
  }
  max_frames_.store(max_frames, std::memory_order_relaxed);
  if (started_ns() == 0) {
    timespec wall;
    clock_gettime(CLOCK_REALTIME, &wall);
    started_wall_ns_.store(std::int64_t{wall.tv_sec} * 1'000'000'000 + wall.tv_nsec);
    started_ns_.store(now_ns());
  }
  g_fast.region_base = region_.base();
  g_fast.region_size = region_.size();
  // Over glibc a page-aligned block is unusual enough to be the tag; other allocators align large blocks to pages.
  g_fast.tag_mask = untagged_large_ ? 0 : glibc_behind ? 0xfff : 0xffff;
  begin_epoch(interval_bytes, id, true);
  __atomic_store_n(&t_state.countdown, 0, __ATOMIC_RELAXED);  // the calling thread may not be registered yet
  return true;
}

void Recorder::stop() noexcept {
  if (!recording()) return;
  begin_epoch(0, interval_id_.load(std::memory_order_relaxed), false);
}

void Recorder::begin_epoch(std::uint64_t interval_bytes, std::uint16_t id, bool recording) noexcept {
  std::uint32_t epoch = 0;
  {
    const base::SpinGuard guard(threads_lock_);
    if (history_count_ == kHistory) {
      std::move(history_ + 2, history_ + kHistory, history_ + 1);
      --history_count_;
    }
    history_[history_count_++] = {now_ns() - started_ns(), interval_bytes};
    recording_.store(recording, std::memory_order_relaxed);
    interval_id_.store(id, std::memory_order_relaxed);
    epoch = epoch_.fetch_add(1, std::memory_order_release) + 1;
  }
  work_.tick(now_ns());
  notice_threads(epoch);
}

// Tells every thread to look at the epoch at its next allocation. A thread in the middle of its own countdown may write
// over our 0: look again a few times. Whoever is still missed notices within kRecheckBytes or its next sample.
void Recorder::notice_threads(std::uint32_t epoch) noexcept {
  for (int round = 0; round < 4; ++round) {
    bool all = true;
    {
      const base::SpinGuard guard(threads_lock_);
      if (!guard) return;
      for (ThreadState* t = threads_; t != nullptr; t = t->next) {
        if (__atomic_load_n(&t->epoch, __ATOMIC_RELAXED) == epoch || t->quiet != 0) continue;
        if (__atomic_load_n(&t->countdown, __ATOMIC_RELAXED) == 0) continue;
        all = false;
        if (t->inside == 0) __atomic_store_n(&t->countdown, 0, __ATOMIC_RELAXED);
      }
    }
    if (all) return;
    sched_yield();
  }
}

void Recorder::register_thread() noexcept {
  ThreadState& t = t_state;
  if (t.registered || t.exiting || !g_key_made) return;
  if (t.thread_id == 0) {
    t.thread_id = static_cast<std::uint32_t>(syscall(SYS_gettid));
    t.shard = static_cast<std::uint16_t>(thread_count_.fetch_add(1, std::memory_order_relaxed));
  }
  // May allocate: the thread is inside the recorder, so that goes to the real allocator.
  if (pthread_setspecific(g_thread_key, &t) != 0) return;
  const base::SpinGuard guard(threads_lock_);
  if (!guard) return;
  t.previous = nullptr;
  t.next = threads_;
  if (threads_ != nullptr) threads_->previous = &t;
  threads_ = &t;
  t.registered = true;
}

void Recorder::forget_thread(ThreadState& thread) noexcept {
  const std::uint64_t countdown = thread.countdown;
  const InsideScope inside;
  {
    const base::SpinGuard guard(threads_lock_);
    if (guard && thread.registered) {
      (thread.previous != nullptr ? thread.previous->next : threads_) = thread.next;
      if (thread.next != nullptr) thread.next->previous = thread.previous;
    }
    thread.registered = false;
    thread.exiting = true;
  }
  forget_labels(thread);
  MemoTable* memo = thread.memo;
  thread.memo = nullptr;
  if (memo != nullptr) free_memo_table(memo);
  thread.countdown = countdown;
}

std::size_t Recorder::own_ranges(base::MappedRange* out, std::size_t max) const noexcept {
  return base::mapped_ranges(out, max);
}

std::size_t Recorder::known_threads(KnownThread* out, std::size_t max) noexcept {
  const base::SpinGuard guard(threads_lock_);
  if (!guard) return 0;
  std::size_t count = 0;
  for (const ThreadState* t = threads_; t != nullptr; t = t->next, ++count) {
    if (count < max) out[count] = {t->thread_id, reinterpret_cast<std::uintptr_t>(t) - reinterpret_cast<std::uintptr_t>(&t_state)};
  }
  return count;
}

Decision Recorder::decide(std::size_t size, std::uint64_t countdown) noexcept {
  ThreadState& t = t_state;
  if (!t.registered) register_thread();
  const std::uint32_t epoch = epoch_.load(std::memory_order_acquire);
  // A drawn countdown is never 0: that is another thread telling this one to look again.
  const bool fresh = t.epoch != epoch || countdown == 0;
  if (t.random == 0) t.random = seed(t);
  if (fresh) {
    t.interval_id = interval_id_.load(std::memory_order_relaxed);
    __atomic_store_n(&t.epoch, epoch, __ATOMIC_RELAXED);
  }
  Decision decision;
  decision.interval_id = t.interval_id;
  if (!recording_.load(std::memory_order_relaxed)) {
    decision.next_countdown = kRecheckBytes;
    return decision;
  }
  const std::uint64_t interval = interval_of(t.interval_id);
  if (interval <= kExact) {
    decision.sample = true;
    decision.next_countdown = 0;
    return decision;
  }
  base::Random random(t.random);
  const auto draw = [&] { return random.next_exponential(static_cast<double>(interval)); };
  // After a start or a change of interval the old countdown means nothing: exponential waiting has no memory.
  if (fresh) countdown = draw();
  if (size >= countdown) {
    decision.sample = true;
    decision.next_countdown = draw();
  } else {
    decision.next_countdown = countdown - size;
  }
  t.random = random.state();
  return decision;
}

SiteId Recorder::capture_site(const StackStart& start) noexcept {
  std::uintptr_t pcs[kMaxFrames + kOwnFramesAtMost];
  const std::uint32_t max =
      std::min(max_frames_.load(std::memory_order_relaxed), kMaxFrames) + kOwnFramesAtMost;
  ThreadState& t = t_state;
  Capture capture;
  MemoTable* memo = nullptr;
  if (interval_of(t.interval_id) <= kExact && !t.exiting) {
    if (t.memo == nullptr) t.memo = new_memo_table();
    memo = t.memo;
  }
  if (memo != nullptr) {
    const MemoResult result = unwind_stack_memo(*memo, start, pcs, max);
    if (result.hit) return with_labels(SiteId{result.id});
    capture = result.capture;
  } else {
    capture = unwind_stack(start, pcs, max);
  }
  std::uint32_t own = 0;
  while (own < capture.depth && is_own_frame(pcs[own])) ++own;
  if (capture.truncated) drops_.stacks_truncated.fetch_add(1, std::memory_order_relaxed);
  if (own == capture.depth) drops_.stacks_empty.fetch_add(1, std::memory_order_relaxed);
  const std::uint32_t depth = std::min(capture.depth - own, max - kOwnFramesAtMost);
  const SiteId site = sites_.intern(pcs + own, depth);
  if (memo != nullptr && site != SiteId::folded) remember(*memo, index(site));
  return with_labels(site);
}

// What is remembered of a stack is its site without labels: they may change while the stack stays the same.
SiteId Recorder::with_labels(SiteId site) noexcept {
  if (t_state.labels == nullptr) return site;
  return sites_.labelled(site, labels_in_force(t_state, labels_));
}

std::size_t Recorder::own_bytes() const noexcept { return base::mapped_bytes(); }

std::int64_t Recorder::uptime_ns() const noexcept { return now_ns() - started_ns(); }

void Recorder::tick(std::int64_t now) noexcept {
  if (work_.due(now)) work_.tick(now);
}

std::size_t Recorder::interval_history(IntervalPoint* out, std::size_t max) noexcept {
  const base::SpinGuard guard(threads_lock_);
  if (!guard) return 0;
  const std::size_t count = std::min(max, history_count_);
  std::copy_n(history_, count, out);
  return count;
}

std::size_t Recorder::thread_addresses(std::uintptr_t* out, std::size_t max) noexcept {
  const auto main_thread = static_cast<std::uint32_t>(getpid());
  const base::SpinGuard guard(threads_lock_);
  std::size_t count = 0;
  if (!guard) return count;
  for (const ThreadState* t = threads_; t != nullptr && count < max; t = t->next) {
    if (t->thread_id != main_thread) out[count++] = reinterpret_cast<std::uintptr_t>(t);
  }
  return count;
}

template <typename Use>
void Recorder::each_lock(Use use) noexcept {
  use(threads_lock_);
  for (Shard& shard : shards_) use(shard.lock);
  use(region_.lock());
  use(sites_.lock());
  use(labels_.lock());
  for (int i = 0; i < LabelPool::kLists; ++i) use(label_pool_.lock(i));
  use(work_.lock());
}

// The forking thread counts as inside the recorder until after_fork(): what other fork handlers allocate meanwhile is not
// sampled, and what they free is put off.
void Recorder::before_fork() noexcept {
  ThreadState& t = t_state;
  // A fork from a signal handler that interrupted the recorder would wait for itself: then only try.
  const bool try_only = t.inside != 0;
  t.fork_countdown = __atomic_load_n(&t.countdown, __ATOMIC_RELAXED);
  __atomic_store_n(&t.countdown, kParked, __ATOMIC_RELAXED);
  ++t.inside;
  t.fork_held = 0;
  int bit = 0;
  each_lock([&](base::SpinLock& lock) {
    if (try_only ? lock.try_lock() : lock.lock_bounded()) t.fork_held |= std::uint64_t{1} << bit;
    ++bit;
  });
}

void Recorder::after_fork(bool in_child) noexcept {
  ThreadState& t = t_state;
  if (in_child) {
    // Only the forking thread lives on.
    t.next = t.previous = nullptr;
    threads_ = t.registered ? &t : nullptr;
    t.thread_id = static_cast<std::uint32_t>(syscall(SYS_gettid));
  }
  int bit = 0;
  each_lock([&](base::SpinLock& lock) {
    const bool for_the_fork = (t.fork_held >> bit++ & 1) != 0;
    // In the child a lock of another thread belongs to nobody. One that this thread held before is still in use below.
    if (for_the_fork || (in_child && !lock.held_by_this_thread())) lock.unlock();
  });
  --t.inside;
  __atomic_store_n(&t.countdown, t.fork_countdown, __ATOMIC_RELAXED);
}

}  // namespace holdfast::record
