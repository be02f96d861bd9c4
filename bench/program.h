// What the measured programs share.
#pragma once

#include <time.h>

#include <condition_variable>
#include <mutex>
#include <thread>

namespace bench {

// glibc leaves its locks out in a process that never had a second thread. A server has, and so does a
// recorded program: without one here the bare figures would flatter the bare program.
class ParkedThread {
 public:
  ParkedThread()
      : thread_([this] {
          std::unique_lock lock(mutex_);
          end_.wait(lock, [this] { return ended_; });
        }) {}
  ParkedThread(const ParkedThread&) = delete;
  ParkedThread& operator=(const ParkedThread&) = delete;
  ~ParkedThread() {
    {
      const std::lock_guard lock(mutex_);
      ended_ = true;
    }
    end_.notify_one();
    thread_.join();
  }

 private:
  std::mutex mutex_;
  std::condition_variable end_;
  bool ended_ = false;
  std::thread thread_;
};

// Processor time of all threads of this process: what a loaded machine disturbs least.
inline double cpu_seconds() {
  timespec time;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

}  // namespace bench
