#include "serve/workers.h"

#include <pthread.h>
#include <signal.h>

#include <utility>

namespace holdfast::serve {

std::thread quiet_thread(std::function<void()> on_start, std::function<void()> body) {
  // A new thread inherits the mask of its maker.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread thread([on_start = std::move(on_start), body = std::move(body)] {
    if (on_start) on_start();
    pthread_setname_np(pthread_self(), "holdfast-serve");
    body();
  });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return thread;
}

Workers::Workers(int count, const std::function<void()>& on_thread_start) {
  for (int i = 0; i < count; ++i) threads_.push_back(quiet_thread(on_thread_start, [this] { work(); }));
}

void Workers::enqueue(std::function<void()> job) {
  {
    const std::lock_guard lock(mutex_);
    jobs_.push_back(std::move(job));
  }
  ready_.notify_one();
}

void Workers::shutdown() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  ready_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void Workers::work() {
  for (;;) {
    std::function<void()> job;
    {
      std::unique_lock lock(mutex_);
      ready_.wait(lock, [this] { return closing_ || !jobs_.empty(); });
      if (jobs_.empty()) return;
      job = std::move(jobs_.front());
      jobs_.pop_front();
    }
    job();
  }
}

}  // namespace holdfast::serve
