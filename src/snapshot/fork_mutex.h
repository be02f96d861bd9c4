// A mutex that fork() cannot leave locked in the child: the forking thread takes every such mutex before the
// fork and gives it back on both sides after it. For the rooms that explain a snapshot, whose quiet threads
// may be at work while any thread of the program forks. Ordinary code; construction allocates.
#pragma once

#include <mutex>

namespace holdfast::snapshot {

// Lock order: while holding one, lock only those constructed before it. The fork takes the youngest first, so
// an object that uses another (and was therefore built after it) never waits crosswise.
class ForkMutex {
 public:
  ForkMutex();
  ForkMutex(const ForkMutex&) = delete;
  ForkMutex& operator=(const ForkMutex&) = delete;
  ~ForkMutex();

  void lock() { mutex_.lock(); }
  void unlock() { mutex_.unlock(); }

 private:
  std::mutex mutex_;
};

}  // namespace holdfast::snapshot
