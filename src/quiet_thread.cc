#include "quiet_thread.h"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <utility>

#include "record/thread_state.h"

namespace holdfast {
namespace {

constexpr std::size_t kStackBytes = std::size_t{2} << 20;

}  // namespace

Result<std::unique_ptr<QuietThread>> QuietThread::start(const char* name,
                                                        std::function<void(QuietThread&)> body) {
  std::unique_ptr<QuietThread> thread(new QuietThread());
  thread->name_ = name;
  thread->body_ = std::move(body);
  thread->stop_fd_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  sigset_t blocked, before;
  sigfillset(&blocked);
  for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT})
    sigdelset(&blocked, fault);
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, kStackBytes);
  pthread_sigmask(SIG_SETMASK, &blocked, &before);
  const bool started =
      thread->stop_fd_ >= 0 && pthread_create(&thread->thread_, &attributes, run, thread.get()) == 0;
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_attr_destroy(&attributes);
  if (!started) {
    return Error{std::string("cannot start the thread ") + name,
                 "raise the limit of threads (ulimit -u) or of memory"};
  }
  thread->owner_ = getpid();
  return thread;
}

QuietThread::~QuietThread() {
  if (owner_ == getpid()) {
    eventfd_write(stop_fd_, 1);  // never read: it ends every wait from now on
    pthread_join(thread_, nullptr);
  }
  if (stop_fd_ >= 0) ::close(stop_fd_);
}

bool QuietThread::wait(std::chrono::nanoseconds time) const {
  pollfd watched = {stop_fd_, POLLIN, 0};
  const timespec timeout = {static_cast<time_t>(time.count() / 1'000'000'000),
                            static_cast<long>(time.count() % 1'000'000'000)};
  ::ppoll(&watched, 1, &timeout, nullptr);
  return watched.revents == 0;
}

void* QuietThread::run(void* self) {
  static thread_local const record::QuietScope quiet;
  auto& thread = *static_cast<QuietThread*>(self);
  pthread_setname_np(pthread_self(), thread.name_);
  thread.body_(thread);
  return nullptr;
}

}  // namespace holdfast
