// fork while other threads are inside the recorder: neither side hangs, and the child records on.
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <thread>
#include <vector>

#include "hook/recording.h"
#include "hook/slow_path.h"

extern char** environ;

namespace holdfast::hook {
namespace {

class Fork : public testing::TestWithParam<std::uint64_t> {};

int exit_code_of(pid_t child) {
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

TEST_P(Fork, InTheMiddleOfOtherThreadsAllocations) {
  const Recording recording(GetParam());
  std::atomic<bool> done{false};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&done] {
      for (std::size_t i = 0; !done; ++i) {
        void* p = std::malloc(i % 50'000);
        p = std::realloc(p, (i * 7) % 50'000 + 1);
        std::free(p);
      }
    });
  }
  for (int i = 0; i < 100; ++i) {
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      alarm(30);  // a child that hangs dies of it
      for (std::size_t k = 0; k < 2000; ++k) std::free(std::malloc(k * 13 % 40'000));
      const auto frozen = snapshot::Frozen(recording.freeze());
      _exit(frozen.sites.empty() ? 3 : 0);
    }
    ASSERT_EQ(exit_code_of(child), 0) << "child " << i;
  }
  done = true;
  for (auto& t : threads) t.join();
}

TEST_P(Fork, OfAProgramByPosixSpawnAndVfork) {
  const Recording recording(GetParam());
  for (int i = 0; i < 20; ++i) {
    pid_t child = 0;
    char name[] = "true";
    char* arguments[] = {name, nullptr};
    ASSERT_EQ(posix_spawnp(&child, "true", nullptr, nullptr, arguments, environ), 0);
    EXPECT_EQ(exit_code_of(child), 0);
  }
}

INSTANTIATE_TEST_SUITE_P(At, Fork, testing::Values(1, 4096),
                         [](const auto& test) { return test.param == 1 ? "exact" : "sampled"; });

}  // namespace
}  // namespace holdfast::hook
