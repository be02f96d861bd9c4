// TLS writes raise SIGPIPE when the server has gone, which would end the tool before it can say so. A handler
// or SIG_IGN would change the whole process, and programs it starts; this blocks the signal for one thread
// and one scope.
#pragma once

#include <pthread.h>
#include <signal.h>

#include <ctime>

namespace holdfast::fetch {

class SigpipeBlocked {
 public:
  SigpipeBlocked() noexcept {
    sigset_t pending;
    sigemptyset(&pending);
    sigpending(&pending);
    was_pending_ = sigismember(&pending, SIGPIPE) == 1;
    sigemptyset(&only_sigpipe_);
    sigaddset(&only_sigpipe_, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &only_sigpipe_, &before_);
  }
  SigpipeBlocked(const SigpipeBlocked&) = delete;
  SigpipeBlocked& operator=(const SigpipeBlocked&) = delete;
  ~SigpipeBlocked() {
    // Take back the one raised here, or it would arrive as soon as the mask is restored.
    const timespec at_once{};
    if (!was_pending_) sigtimedwait(&only_sigpipe_, nullptr, &at_once);
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }

 private:
  sigset_t only_sigpipe_;
  sigset_t before_;
  bool was_pending_;
};

}  // namespace holdfast::fetch
