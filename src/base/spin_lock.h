// A lock for the few instructions that the recorder must do alone. It allocates nothing, and can give up:
// inside malloc a lost sample is better than a hang. It knows the thread that holds it, so that a signal
// handler or a fork handler that comes back for it is refused at once. Constant-initialised; any thread.
#pragma once

#include <sched.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>

namespace holdfast::base {

class SpinLock {
 public:
  bool try_lock() noexcept {
    const void* nobody = nullptr;
    return owner_.load(std::memory_order_relaxed) == nullptr &&
           owner_.compare_exchange_strong(nobody, this_thread(), std::memory_order_acquire,
                                          std::memory_order_relaxed);
  }

  // Waits for about five seconds at most, so that a lock held over the fork of a large process can be had;
  // false when it could not be, and at once when this thread holds it already. Sleeps rather than spins for
  // long: the holder may need this very processor. errno is preserved.
  bool lock_bounded() noexcept {
    for (int spin = 0; spin < 64; ++spin) {
      if (try_lock()) return true;
      pause();
    }
    if (held_by_this_thread()) return false;
    const int saved = errno;
    bool got = false;
    for (int yields = 0; yields < 1000 && !got; ++yields) {
      sched_yield();
      got = try_lock();
    }
    // Not nanosleep(), where a thread may be cancelled.
    const timespec pace = {0, 50'000};
    for (int sleeps = 0; sleeps < 50'000 && !got; ++sleeps) {
      syscall(SYS_nanosleep, &pace, nullptr);
      got = try_lock();
    }
    errno = saved;
    return got;
  }

  void unlock() noexcept { owner_.store(nullptr, std::memory_order_release); }

  // Also after a fork: the child's only thread is the one that forked.
  bool held_by_this_thread() const noexcept {
    return owner_.load(std::memory_order_relaxed) == this_thread();
  }

 private:
  // A value that no other living thread has, without a call: the thread pointer of the ABI.
  static const void* this_thread() noexcept {
#if defined(__x86_64__)
    const void* self;
    __asm__("movq %%fs:0, %0" : "=r"(self));
    return self;
#elif defined(__aarch64__)
    const void* self;
    __asm__("mrs %0, tpidr_el0" : "=r"(self));
    return self;
#else
    return &errno;
#endif
  }

  static void pause() noexcept {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
  }

  std::atomic<const void*> owner_{nullptr};
};

// Holds the lock for a scope if it could be had.
class SpinGuard {
 public:
  explicit SpinGuard(SpinLock& lock) noexcept : lock_(lock), held_(lock.lock_bounded()) {}
  SpinGuard(const SpinGuard&) = delete;
  SpinGuard& operator=(const SpinGuard&) = delete;
  ~SpinGuard() {
    if (held_) lock_.unlock();
  }
  explicit operator bool() const noexcept { return held_; }

 private:
  SpinLock& lock_;
  const bool held_;
};

}  // namespace holdfast::base
