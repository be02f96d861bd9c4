// A background thread of the session's own: it takes no signals of the program, its allocations never show,
// it is not in a forked child, and it ends when asked. Made and ended by ordinary code.
#pragma once

#include <holdfast/result.h>
#include <pthread.h>
#include <sys/types.h>

#include <chrono>
#include <functional>
#include <memory>

namespace holdfast {

class QuietThread {
 public:
  // Runs `body` on a thread called `name`; the body returns when wait() is false, and throws nothing.
  static Result<std::unique_ptr<QuietThread>> start(const char* name, std::function<void(QuietThread&)> body);

  QuietThread(const QuietThread&) = delete;
  QuietThread& operator=(const QuietThread&) = delete;
  // Ends a wait at once, and joins. In a forked child, where the thread is not, it only lets go.
  ~QuietThread();

  // For the body: sleeps; false when it is time to end.
  bool wait(std::chrono::nanoseconds time) const;

 private:
  QuietThread() = default;
  static void* run(void* self);

  const char* name_ = "";
  std::function<void(QuietThread&)> body_;
  pthread_t thread_{};
  pid_t owner_ = 0;
  int stop_fd_ = -1;
};

}  // namespace holdfast
