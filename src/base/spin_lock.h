// A lock for the few instructions that the recorder must do alone. It never sleeps in the kernel, allocates nothing, and
// can give up: inside malloc a lost sample is better than a hang. Constant-initialised; any thread.
#pragma once

#include <sched.h>

#include <atomic>
#include <cerrno>

namespace holdfast::base {

class SpinLock {
 public:
  bool try_lock() noexcept {
    return !locked_.load(std::memory_order_relaxed) && !locked_.exchange(true, std::memory_order_acquire);
  }

  // Waits for about a second of yields at most; false when the lock could not be had. errno is preserved.
  bool lock_bounded() noexcept {
    for (int spin = 0; spin < 64; ++spin) {
      if (try_lock()) return true;
      pause();
    }
    const int saved = errno;
    bool got = false;
    for (int yields = 0; yields < 200'000 && !got; ++yields) {
      sched_yield();
      got = try_lock();
    }
    errno = saved;
    return got;
  }

  void unlock() noexcept { locked_.store(false, std::memory_order_release); }

 private:
  static void pause() noexcept {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
  }

  std::atomic<bool> locked_{false};
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
