// The high-water mark that is kept, and the dumps that are written when memory runs high or a signal asks.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <numeric>
#include <thread>

#include "profile/pprof.h"
#include "session/asking.h"
#include "support/temporary.h"

namespace holdfast {
namespace {

using testing::ask;
using ::testing::HasSubstr;
using testing::TemporaryDirectory;

constexpr std::size_t kMiB = std::size_t{1} << 20;

bool soon(const std::function<bool()>& condition) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return true;
}

// Touched, in blocks that a sampler at any interval sees.
class Blocks {
 public:
  explicit Blocks(std::size_t mib) {
    for (std::size_t i = 0; i < mib; ++i) {
      void* p = std::malloc(kMiB);
      std::memset(p, 1, kMiB);
      blocks_.push_back(p);
    }
  }
  Blocks(const Blocks&) = delete;
  Blocks& operator=(const Blocks&) = delete;
  ~Blocks() {
    for (void* p : blocks_) std::free(p);
  }

 private:
  std::vector<void*> blocks_;
};

double in_use(const std::string& bytes) {
  const Result<profile::Profile> profile = profile::decode_pprof(bytes);
  if (!profile) return -1;
  double sum = 0;
  for (const profile::Sample& sample : profile->samples) sum += static_cast<double>(sample.values.back());
  return sum;
}

double metric(const std::string& name) {
  const std::string text = "\n" + ask("/metrics").body;
  const std::size_t at = text.find("\n" + name + " ");
  return at == std::string::npos ? -1 : std::strtod(text.c_str() + at + name.size() + 2, nullptr);
}

TEST(Peak, IsKeptWhenTheMemoryIsLongFreed) {
  auto heap = Session::open({.listen = "127.0.0.1:0", .exact = true});
  ASSERT_TRUE(heap) << heap.error().what;
  {
    const Blocks blocks(60);
    // Nobody asks for the profile meanwhile. What is kept may be 5 % below the highest.
    ASSERT_TRUE(soon([] { return metric("holdfast_heap_peak_bytes") >= 57.0 * kMiB; }));
  }
  const HttpResponse peak = ask("/debug/holdfast/peak");
  EXPECT_EQ(peak.status, 200);
  EXPECT_GE(in_use(peak.body), 57.0 * kMiB);
  EXPECT_LT(in_use(ask("/debug/pprof/heap").body), 30.0 * kMiB);
}

TEST(Peak, IsWhatIsInUseNowWhileThatIsMost) {
  auto heap = Session::open({.listen = "127.0.0.1:0", .exact = true});
  ASSERT_TRUE(heap) << heap.error().what;
  const Blocks blocks(80);
  EXPECT_GE(in_use(ask("/debug/holdfast/peak").body), 80.0 * kMiB);
}

TEST(Peak, IsNotKeptWhereNobodyWantsIt) {
  auto heap = Session::open({.listen = "127.0.0.1:0", .keep_peak = false});
  ASSERT_TRUE(heap) << heap.error().what;
  EXPECT_EQ(ask("/debug/holdfast/peak").status, 404);
}

std::size_t resident_mib() {
  std::size_t all = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> all >> resident;
  return resident * static_cast<std::size_t>(sysconf(_SC_PAGESIZE)) / kMiB;
}

TEST(Alarm, WritesADumpWhenMemoryRunsHigh) {
  const TemporaryDirectory directory;
  auto heap = Session::open({.exact = true,
                             .dump_at = std::to_string(resident_mib() + 100) + "MiB",
                             .dump_directory = directory.path()});
  ASSERT_TRUE(heap) << heap.error().what;
  const Blocks blocks(300);
  const std::string file = directory.file("heap." + std::to_string(getpid()) + ".alarm-1.pb.gz");
  // It has its name only when it is whole.
  ASSERT_TRUE(soon([&] { return std::filesystem::exists(file); }));
  EXPECT_GE(in_use(testing::read_text(file)), 90.0 * kMiB);
}

TEST(Alarm, RefusesWhatCannotBeMeant) {
  const TemporaryDirectory directory;
  const auto refusal = [&](Options options) {
    if (options.dump_directory.empty()) options.dump_directory = directory.path();
    const Result<Session> session = Session::open(std::move(options));
    return session ? std::string("accepted") : session.error().what;
  };
  for (const char* wrong : {"0", "0%", "100%", "x%", "much", "-1GiB", "%"}) {
    EXPECT_THAT(refusal({.dump_at = wrong}), HasSubstr("threshold")) << wrong;
  }
  EXPECT_EQ(refusal({.dump_at = "90%", .max_dumps = 0}), "max_dumps must be at least 1");
  EXPECT_THAT(refusal({.dump_signal = SIGKILL}), HasSubstr("no signal"));
  EXPECT_THAT(Session::open({.dump_at = "90%"}).error().what, HasSubstr("no directory"));
  signal(SIGUSR1, [](int) {});
  EXPECT_THAT(refusal({.dump_signal = SIGUSR1}), HasSubstr("handles signal"));
  signal(SIGUSR1, SIG_DFL);
}

TEST(Signal, AsksForADumpAndOnlyTheNewestAreKept) {
  const TemporaryDirectory directory;
  testing::write_text(directory.file("heap.1.alarm-9.pb.gz"), "of an earlier process");
  testing::write_text(directory.file("heap.1.pb.gz"), "a program's last dump is none of them");
  {
    auto heap = Session::open({.dump_directory = directory.path(), .max_dumps = 2, .dump_signal = SIGUSR2});
    ASSERT_TRUE(heap) << heap.error().what;
    for (int i = 1; i <= 3; ++i) {
      raise(SIGUSR2);
      const std::string file =
          directory.file("heap." + std::to_string(getpid()) + ".signal-" + std::to_string(i) + ".pb.gz");
      ASSERT_TRUE(soon([&] { return std::filesystem::exists(file); })) << i;
    }
    ASSERT_TRUE(soon([&] { return directory.entries() == 3; }));
    EXPECT_FALSE(std::filesystem::exists(directory.file("heap.1.alarm-9.pb.gz")));
    EXPECT_TRUE(std::filesystem::exists(directory.file("heap.1.pb.gz")));
  }
  struct sigaction after;
  sigaction(SIGUSR2, nullptr, &after);
  EXPECT_EQ(after.sa_handler, SIG_DFL);
}

TEST(BackgroundThreads, AreNotInAForkedChildWhichEndsByItself) {
  const TemporaryDirectory directory;
  auto heap = Session::open({.listen = "127.0.0.1:0",
                             .dump_at = "99%",
                             .dump_directory = directory.path(),
                             .trace_every = std::chrono::minutes(10)});
  ASSERT_TRUE(heap) << heap.error().what;
  for (int i = 0; i < 20; ++i) {
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      alarm(20);
      const auto threads = std::distance(std::filesystem::directory_iterator("/proc/self/task"), {});
      heap->close();
      std::exit(threads == 1 ? 0 : 1);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFEXITED(status)) << WTERMSIG(status);
    ASSERT_EQ(WEXITSTATUS(status), 0);
  }
  EXPECT_EQ(ask("/debug/pprof/heap").status, 200);
}

}  // namespace
}  // namespace holdfast
