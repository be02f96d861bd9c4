// Threads that leave the program alone: a name of their own, every signal blocked, and a first call that marks them.
// Ordinary code.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include <httplib.h>

namespace holdfast::serve {

// A thread named "holdfast-serve" with every signal blocked from its first instruction on; runs on_start, then body.
std::thread quiet_thread(std::function<void()> on_start, std::function<void()> body);

// The workers that cpp-httplib hands connections to.
class Workers final : public httplib::TaskQueue {
 public:
  Workers(int count, const std::function<void()>& on_thread_start);
  ~Workers() override = default;

  void enqueue(std::function<void()> job) override;
  void shutdown() override;

 private:
  void work();

  std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<std::function<void()>> jobs_;
  bool closing_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace holdfast::serve
