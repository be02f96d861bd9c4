#include "snapshot/fork_mutex.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <thread>

namespace holdfast::snapshot {
namespace {

TEST(ForkMutex, IsFreeInTheChildAlthoughAnotherThreadKeepsTakingIt) {
  ForkMutex older;
  ForkMutex younger;
  std::atomic<bool> stop{false};
  std::atomic<int> rounds{0};
  std::thread busy([&] {
    while (!stop) {
      const std::lock_guard outer(younger);
      const std::lock_guard inner(older);
      ++rounds;
    }
  });
  while (rounds == 0) std::this_thread::yield();
  for (int i = 0; i < 20; ++i) {
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      ::alarm(20);  // a hang ends as a failure
      const std::lock_guard outer(younger);
      const std::lock_guard inner(older);
      ::_exit(0);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  }
  stop = true;
  busy.join();
}

}  // namespace
}  // namespace holdfast::snapshot
