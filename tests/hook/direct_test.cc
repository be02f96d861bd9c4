// The preloaded hook's way to the real allocator.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>
#include <utility>
#include <vector>

namespace {

using Variables = std::vector<std::pair<std::string, std::string>>;

// Exit code of the probe with the library preloaded; what it wrote to stderr into `said`.
int run_probe(const char* argument, const Variables& variables = {{"HOLDFAST_OFF", "1"}},
              std::string* said = nullptr) {
  int ends[2];
  if (pipe(ends) != 0) return -1;
  const pid_t child = fork();
  if (child == 0) {
    dup2(ends[1], STDERR_FILENO);
    close(ends[0]);
    close(ends[1]);
    setenv("LD_PRELOAD", HOLDFAST_PRELOAD_FILE, 1);
    for (const auto& [name, value] : variables) setenv(name.c_str(), value.c_str(), 1);
    execl(HOLDFAST_DIRECT_PROBE, "direct_probe", argument, static_cast<char*>(nullptr));
    _exit(127);
  }
  close(ends[1]);
  char buffer[256];
  for (ssize_t n; (n = read(ends[0], buffer, sizeof buffer)) > 0;) {
    if (said != nullptr) said->append(buffer, static_cast<std::size_t>(n));
  }
  close(ends[0]);
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

TEST(APreloadedSession, TakesTheNumberOfFramesFromTheEnvironment) {
  const auto complaint = [](const char* frames) {
    std::string said;
    run_probe(nullptr, {{"HOLDFAST_LISTEN", "127.0.0.1:0"}, {"HOLDFAST_MAX_FRAMES", frames}}, &said);
    return said;
  };
  EXPECT_THAT(complaint("1000"), testing::HasSubstr("max_frames must be 1 to 256"));
  EXPECT_THAT(complaint("12x"), testing::HasSubstr("HOLDFAST_MAX_FRAMES is no number: 12x"));
  EXPECT_THAT(complaint("128"), testing::Not(testing::HasSubstr("frames")));
}

}  // namespace
