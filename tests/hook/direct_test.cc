// The preloaded hook's way to the real allocator.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

int run_probe(const char* argument) {
  const pid_t child = fork();
  if (child == 0) {
    setenv("LD_PRELOAD", HOLDFAST_PRELOAD_FILE, 1);
    setenv("HOLDFAST_OFF", "1", 1);
    execl(HOLDFAST_DIRECT_PROBE, "direct_probe", argument, static_cast<char*>(nullptr));
    _exit(127);
  }
  int status = -1;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

#if defined(__x86_64__)
TEST(TheWayToTheRealAllocator, IsADirectJumpInAPreloadedLibrary) { EXPECT_EQ(run_probe(nullptr), 10); }

TEST(TheWayToTheRealAllocator, StaysIndirectWhereCodeMustNotBeWritten) {
  const int code = run_probe("deny");
  if (code == 77) GTEST_SKIP() << "this kernel cannot forbid it (Linux 6.3)";
  EXPECT_EQ(code, 11);
}
#else
TEST(TheWayToTheRealAllocator, IsNotRewrittenOnThisMachine) { EXPECT_EQ(run_probe(nullptr), 4); }
#endif

}  // namespace
