#include "holders/helper.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <thread>

#include "holders/reader.h"
#include "holders/syscalls.h"

namespace holdfast::holders {
namespace {

constexpr std::int64_t kPlenty = 60'000;
std::atomic<bool> stop{false};

struct Probe {
  std::uintptr_t from = 0;
  std::size_t asked = 0;
  std::size_t got = 0;
  char bytes[3 * 4096] = {};
};

void copy(void* argument) {
  auto& probe = *static_cast<Probe*>(argument);
  probe.got = safe_copy(probe.bytes, probe.from, probe.asked);
}

HelperEnd run(void (*work)(void*), void* argument, HelperMemory memory = HelperMemory::shared) {
  return run_in_helper(work, argument, stop, kPlenty, memory);
}

class Helper : public ::testing::Test {
 protected:
  void SetUp() override {
    Probe probe;
    probe.from = reinterpret_cast<std::uintptr_t>(&probe);
    if (run(copy, &probe) == HelperEnd::cannot_start)
      GTEST_SKIP() << "no helper under this sanitizer or machine";
  }
};

TEST_F(Helper, ReadsAndWritesTheProgramsMemory) {
  Probe probe;
  const char text[] = "what the program knows";
  probe.from = reinterpret_cast<std::uintptr_t>(text);
  probe.asked = sizeof text;
  ASSERT_EQ(run(copy, &probe), HelperEnd::done);
  EXPECT_EQ(probe.got, sizeof text);
  EXPECT_STREQ(probe.bytes, text);
}

TEST_F(Helper, CopiesUpToTheFirstUnreadableByte) {
  auto* pages =
      static_cast<char*>(mmap(nullptr, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  ASSERT_NE(pages, MAP_FAILED);
  std::memset(pages, 7, 3 * 4096);
  mprotect(pages + 2 * 4096, 4096, PROT_NONE);
  Probe probe;
  probe.from = reinterpret_cast<std::uintptr_t>(pages) + 100;
  probe.asked = 3 * 4096 - 100;
  ASSERT_EQ(run(copy, &probe), HelperEnd::done);
  EXPECT_EQ(probe.got, 2 * 4096u - 100);
  probe.from = 8;
  ASSERT_EQ(run(copy, &probe), HelperEnd::done);
  EXPECT_EQ(probe.got, 0u);
  munmap(pages, 3 * 4096);
}

std::atomic<int> program_faults{0};

TEST_F(Helper, KeepsItsFaultsFromTheProgramsHandler) {
  struct sigaction counting {};
  struct sigaction before {};
  counting.sa_handler = [](int) { ++program_faults; };
  sigaction(SIGSEGV, &counting, &before);
  Probe probe;
  probe.from = 4096;
  probe.asked = 64;
  for (int i = 0; i < 100; ++i) ASSERT_EQ(run(copy, &probe), HelperEnd::done);
  EXPECT_EQ(program_faults, 0);
  struct sigaction still {};
  sigaction(SIGSEGV, &before, &still);
  EXPECT_EQ(still.sa_handler, counting.sa_handler);
}

TEST_F(Helper, DiesAloneWhenItFaultsElsewhere) {
  static volatile std::uintptr_t nowhere = 16;
  const HelperEnd end = run([](void*) { *reinterpret_cast<volatile int*>(nowhere) = 1; }, nullptr);
  EXPECT_EQ(end, HelperEnd::died);
}

std::atomic<int> children_reported{0};

TEST_F(Helper, IsNoChildThatTheProgramHearsOf) {
  struct sigaction counting {};
  struct sigaction before {};
  counting.sa_handler = [](int) { ++children_reported; };
  sigaction(SIGCHLD, &counting, &before);
  Probe probe;
  for (const HelperMemory memory : {HelperMemory::shared, HelperMemory::copied}) {
    ASSERT_EQ(run([](void*) {}, &probe, memory), HelperEnd::done);
  }
  EXPECT_EQ(children_reported, 0);
  EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);
  sigaction(SIGCHLD, &before, nullptr);
}

TEST_F(Helper, StopsWhenToldAndIsKilledWhenItDoesNot) {
  EXPECT_EQ(run_in_helper(
                [](void*) {
                  while (!stop.load()) {
                  }
                },
                nullptr, stop, 20, HelperMemory::shared),
            HelperEnd::done);
  EXPECT_EQ(run_in_helper(
                [](void*) {
                  for (;;) raw_syscall(SYS_sched_yield);
                },
                nullptr, stop, 1, HelperMemory::shared),
            HelperEnd::timed_out);
}

TEST_F(Helper, LeavesTheSignalMaskAndErrnoAlone) {
  sigset_t before;
  sigset_t after;
  pthread_sigmask(SIG_SETMASK, nullptr, &before);
  errno = 77;
  ASSERT_EQ(run([](void*) { raw_syscall(SYS_close, -1); }, nullptr), HelperEnd::done);
  EXPECT_EQ(errno, 77);
  pthread_sigmask(SIG_SETMASK, nullptr, &after);
  EXPECT_EQ(std::memcmp(&before, &after, sizeof before), 0);
}

TEST_F(Helper, OutlivesMemoryThatIsUnmappedWhileItReads) {
  std::atomic<bool> done{false};
  std::atomic<char*> pages{nullptr};
  std::thread mapper([&] {
    while (!done) {
      auto* p = static_cast<char*>(
          mmap(nullptr, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
      p[0] = 1;
      pages = p;
      munmap(p, 1 << 20);
    }
  });
  struct Work {
    std::atomic<char*>& pages;
    char buffer[4096];
    int reads;
  } work{pages, {}, 0};
  for (int i = 0; i < 20; ++i) {
    ASSERT_EQ(run(
                  [](void* argument) {
                    auto& w = *static_cast<Work*>(argument);
                    for (int k = 0; k < 2000; ++k, ++w.reads) {
                      safe_copy(w.buffer, reinterpret_cast<std::uintptr_t>(w.pages.load()), sizeof w.buffer);
                    }
                  },
                  &work),
              HelperEnd::done);
  }
  done = true;
  mapper.join();
  EXPECT_EQ(work.reads, 40'000);
}

TEST(ReaderWays, EachReadsOrSaysThatItDoesNot) {
  EXPECT_TRUE(Reader(Way::vm_readv, -1).works());
  EXPECT_FALSE(Reader(Way::memory_file, -1).works());
  EXPECT_STREQ(name(Way::helper), "helper");
}

}  // namespace
}  // namespace holdfast::holders
