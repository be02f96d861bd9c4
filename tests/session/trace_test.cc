// HOLDFAST_TRACE: one line per period on stderr.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <regex>
#include <thread>
#include <vector>

#include "session/asking.h"
#include "support/temporary.h"

namespace holdfast {
namespace {

using ::testing::HasSubstr;

// What is written to stderr while it lives.
class CapturedStderr {
 public:
  CapturedStderr() : before_(::dup(STDERR_FILENO)) {
    const int file = ::open(path().c_str(), O_CREAT | O_APPEND | O_WRONLY | O_CLOEXEC, 0600);
    ::dup2(file, STDERR_FILENO);
    ::close(file);
  }
  CapturedStderr(const CapturedStderr&) = delete;
  CapturedStderr& operator=(const CapturedStderr&) = delete;
  ~CapturedStderr() {
    ::dup2(before_, STDERR_FILENO);
    ::close(before_);
  }

  std::vector<std::string> lines() const {
    std::vector<std::string> lines;
    std::string text = testing::read_text(path());
    for (std::size_t end; (end = text.find('\n')) != std::string::npos; text.erase(0, end + 1)) {
      lines.push_back(text.substr(0, end));
    }
    return lines;
  }
  bool soon_has(std::size_t count) const {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (lines().size() < count) {
      if (std::chrono::steady_clock::now() > until) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return true;
  }

 private:
  std::string path() const { return directory_.file("stderr"); }
  testing::TemporaryDirectory directory_;
  int before_;
};

[[gnu::noinline]] std::unique_ptr<char[]> grow_here() {
  return std::make_unique<char[]>(32 * 1024);
}

TEST(Trace, TellsOneLinePerPeriodAndEndsWithTheSession) {
  const CapturedStderr captured;
  auto heap = Session::open({.exact = true, .trace_every = std::chrono::milliseconds(100)});
  ASSERT_TRUE(heap) << heap.error().what;
  std::vector<std::unique_ptr<char[]>> kept;
  while (captured.lines().size() < 3 && kept.size() < 20'000) {
    kept.push_back(grow_here());
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  ASSERT_TRUE(captured.soon_has(3));
  heap->close();
  const std::vector<std::string> lines = captured.lines();
  const std::regex form(
      "holdfast: in use [0-9.]+ [KMG]?i?B \\([+-][0-9.]+ [KMG]?i?B/[a-z]+\\), allocating [0-9.]+ "
      "[KMG]?i?B/[a-z]+, "
      "rss [0-9.]+ [KMG]iB, (no site grows|fastest: .+ \\+[0-9.]+ [KMG]?i?B/[a-z]+)");
  for (const std::string& line : lines) EXPECT_TRUE(std::regex_match(line, form)) << line;
  EXPECT_TRUE(std::ranges::any_of(lines, [](const std::string& l) {
    return l.find("fastest: ") != std::string::npos && l.find("grow_here") != std::string::npos;
  })) << ::testing::PrintToString(lines);
}

TEST(Trace, AWrongPeriodIsSaidOnceAndTheProgramRunsOn) {
  for (const char* wrong : {"often", "10", "1ms", "3d"}) {
    const CapturedStderr captured;
    ::setenv("HOLDFAST_TRACE", wrong, 1);
    const Result<Session> heap = Session::open();
    ::unsetenv("HOLDFAST_TRACE");
    ASSERT_TRUE(heap) << heap.error().what;
    ASSERT_EQ(captured.lines().size(), 1u) << wrong;
    EXPECT_THAT(captured.lines()[0], HasSubstr("holdfast: HOLDFAST_TRACE: ")) << wrong;
  }
  EXPECT_FALSE(Session::open({.trace_every = std::chrono::milliseconds(1)}));
}

TEST(Trace, TheEnvironmentTurnsItOn) {
  const CapturedStderr captured;
  ::setenv("HOLDFAST_TRACE", "100ms", 1);
  const Result<Session> heap = Session::open();
  ::unsetenv("HOLDFAST_TRACE");
  ASSERT_TRUE(heap);
  EXPECT_TRUE(captured.soon_has(1));
}

}  // namespace
}  // namespace holdfast
