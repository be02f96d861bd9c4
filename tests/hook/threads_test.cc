// Threads that come and go, hand blocks to each other, and are interrupted by signals while they allocate.
#include <gtest/gtest.h>
#include <pthread.h>
#include <signal.h>
#include <sys/time.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <thread>
#include <vector>

#include "hook/recording.h"
#include "hook/slow_path.h"

namespace holdfast::hook {
namespace {

HOLDFAST_TEST_SITE void* take(std::size_t n) {
  void* p = std::malloc(n);
  asm volatile("" : : "r"(p) : "memory");
  return p;
}

class Threads : public testing::TestWithParam<std::uint64_t> {
 protected:
  static Sum taken(const Recording& r) { return through(r.freeze(), reinterpret_cast<void*>(&take)); }
};

TEST_P(Threads, FreeEachOthersBlocks) {
  const Recording recording(GetParam());
  const Sum before = taken(recording);
  constexpr std::size_t kSlots = 512;
  static std::atomic<void*> slots[kSlots];
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([t] {
      std::uint64_t x = static_cast<std::uint64_t>(t) + 1;
      for (int i = 0; i < 30'000; ++i) {
        x = x * 6364136223846793005ull + 1442695040888963407ull;
        const std::size_t size = (x >> 40) % 3000 + ((x >> 33) % 64 == 0 ? 60'000 : 0);
        auto* p = static_cast<char*>(take(size));
        if (size > 0) p[0] = p[size - 1] = 'x';
        std::free(slots[(x >> 20) % kSlots].exchange(p));
      }
    });
  }
  for (auto& t : threads) t.join();
  for (auto& slot : slots) std::free(slot.exchange(nullptr));
  const Sum after = taken(recording);
  EXPECT_EQ(after.alloc_samples - before.alloc_samples, after.freed_samples - before.freed_samples);
  EXPECT_NEAR(after.inuse_bytes, before.inuse_bytes, 1);
  if (GetParam() == 1) {
    EXPECT_EQ(after.alloc_samples - before.alloc_samples, 8u * 30'000u);
  }
}

TEST_P(Threads, ComeAndGoByTheThousand) {
  const Recording recording(GetParam());
  const Sum before = taken(recording);
  for (int i = 0; i < 2500; ++i) {
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) threads.emplace_back([] { std::free(take(5000)); });
    for (auto& t : threads) t.join();
  }
  const Sum after = taken(recording);
  EXPECT_EQ(after.inuse_bytes, before.inuse_bytes);
  if (GetParam() == 1) {
    EXPECT_EQ(after.alloc_samples - before.alloc_samples, 10'000u);
  }
}

// A destructor of a thread's own data runs late, some of them after the recorder's.
TEST_P(Threads, AllocateInTheirLastDestructors) {
  const Recording recording(GetParam());
  static std::atomic<int> ran{0};
  ran = 0;
  pthread_key_t keys[3];
  for (pthread_key_t& key : keys) {
    pthread_key_create(&key, [](void* p) {
      std::free(p);
      std::free(take(2000));
      ++ran;
    });
  }
  for (int i = 0; i < 50; ++i) {
    std::thread([&keys] {
      for (const pthread_key_t key : keys) pthread_setspecific(key, take(100));
    }).join();
  }
  EXPECT_EQ(ran, 150);
  for (const pthread_key_t key : keys) pthread_key_delete(key);
}

// The handler frees although malloc promises nothing there: real programs do it, and it must not hang in the recorder. In
// exact mode no small block enters the real allocator, which would have to bear it too.
TEST(ThreadsInExactMode, AreInterruptedByHandlersThatFree) {
  const Recording recording(record::kExact);
  static std::atomic<void*> blocks[64];
  static std::atomic<int> handled{0};
  for (auto& block : blocks) block = take(64);
  struct sigaction action = {};
  action.sa_handler = [](int) {
    const int i = handled.fetch_add(1);
    std::free(blocks[i % 64].exchange(nullptr));
  };
  action.sa_flags = SA_RESTART;
  struct sigaction before;
  sigaction(SIGALRM, &action, &before);
  const itimerval timer = {{0, 100}, {0, 100}};
  setitimer(ITIMER_REAL, &timer, nullptr);
  for (int i = 0; handled < 2000; ++i) {
    void* p = take(static_cast<std::size_t>(i % 5000));
    std::free(p);
    void* expected = nullptr;
    void* fresh = take(64);
    if (!blocks[i % 64].compare_exchange_strong(expected, fresh)) std::free(fresh);
  }
  const itimerval off = {};
  setitimer(ITIMER_REAL, &off, nullptr);
  sigaction(SIGALRM, &before, nullptr);
  for (auto& block : blocks) std::free(block.exchange(nullptr));
  std::free(take(1));  // drains what was put off
  EXPECT_EQ(through(recording.freeze(), reinterpret_cast<void*>(&take)).inuse_objects, 0);
}

TEST_P(Threads, SeeStartsStopsAndNewIntervalsWhileTheyAllocate) {
  const Recording recording(GetParam());
  std::atomic<bool> done{false};
  std::vector<std::thread> threads;
  for (int t = 0; t < 16; ++t) {
    threads.emplace_back([&done] {
      std::vector<void*> kept(64);
      for (std::size_t i = 0; !done; ++i) {
        void*& slot = kept[i % kept.size()];
        std::free(slot);
        slot = take(i * 31 % 40'000);
        if (slot != nullptr) std::memset(slot, 1, i * 31 % 40'000);
      }
      for (void* p : kept) std::free(p);
    });
  }
  const bool glibc = behind() == Allocator::glibc;
  for (int i = 0; i < 50; ++i) {
    record::g_recorder.stop();
    ASSERT_TRUE(record::g_recorder.start(i % 3 == 0 ? 1 : i % 3 == 1 ? 4096 : 512 * 1024, 64, glibc));
    (void)recording.freeze();
  }
  done = true;
  for (auto& t : threads) t.join();
  const Sum after = taken(recording);
  EXPECT_EQ(after.alloc_samples, after.freed_samples);
}

INSTANTIATE_TEST_SUITE_P(At, Threads, testing::Values(1, 4096, 512 * 1024), [](const auto& test) {
  return test.param == 1 ? std::string("exact") : "sampled_at_" + std::to_string(test.param);
});

}  // namespace
}  // namespace holdfast::hook
