// The table of memory over each allocator: in situations that profiles alone do not explain, it adds up to
// RSS with less than 5 % left unexplained.
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <future>
#include <numeric>
#include <thread>
#include <vector>

#include "hook/recording.h"
#include "record/recorder.h"

namespace holdfast::hook {
namespace {

constexpr double kMiB = 1 << 20;
constexpr std::uint64_t kInterval = 64 * 1024;

class Memory : public ::testing::Test {
 protected:
  // Checks what holds of every table, and gives the parts in MiB.
  profile::MemoryTable measure(const Recording& recording) {
    const snapshot::Frozen frozen = recording.freeze_with_memory();
    if (!frozen.history.memory) {
      ADD_FAILURE() << "no table of memory";
      return {};
    }
    const profile::MemoryTable& table = *frozen.history.memory;
    std::int64_t sum = 0;
    for (const profile::MemoryPart& part : table.parts) sum += part.bytes;
    EXPECT_EQ(sum, static_cast<std::int64_t>(table.rss));
    EXPECT_LT(std::abs(share(table, "unexplained")), 0.05) << text(frozen);
    EXPECT_EQ(frozen.comments.empty(), false);
    text_ = text(frozen);
    return table;
  }
  static double share(const profile::MemoryTable& table, const char* part) {
    return static_cast<double>(table.part(part)) / static_cast<double>(table.rss);
  }
  static double mib(const profile::MemoryTable& table, const char* part) {
    return static_cast<double>(table.part(part)) / kMiB;
  }
  static std::string text(const snapshot::Frozen& frozen) {
    return std::accumulate(frozen.comments.begin(), frozen.comments.end(), std::string(),
                           [](std::string all, const std::string& line) { return all + line + "\n"; });
  }

  std::string text_;
};

HOLDFAST_TEST_SITE void* take(std::size_t n) {
  void* p = std::malloc(n);
  if (p != nullptr) std::memset(p, 1, n);
  asm volatile("" : : "r"(p) : "memory");
  return p;
}

// 96 MiB in small blocks; `keep` of 16 stay.
std::vector<void*> burst(int keep) {
  std::vector<void*> blocks;
  blocks.reserve(200'000);
  for (int i = 0; i < 200'000; ++i) blocks.push_back(take(512));
  std::vector<void*> kept;
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    if (static_cast<int>(i % 16) < keep) {
      kept.push_back(blocks[i]);
    } else {
      std::free(blocks[i]);
    }
  }
  return kept;
}

TEST_F(Memory, WhatIsInUseIsMostOfIt) {
  const Recording recording(kInterval);
  const std::vector<void*> blocks = burst(16);
  const profile::MemoryTable table = measure(recording);
  // 1562 samples: within five standard errors.
  EXPECT_NEAR(mib(table, "in_use"), 97.7, 97.7 * 5 / std::sqrt(1562)) << text_;
  for (void* p : blocks) std::free(p);
}

TEST_F(Memory, FragmentationIsRetained) {
  const Recording recording(kInterval);
  const std::vector<void*> blocks = burst(1);
  const profile::MemoryTable table = measure(recording);
  EXPECT_LT(mib(table, "in_use"), 30) << text_;
  EXPECT_GT(mib(table, "retained"), 60) << text_;
  for (void* p : blocks) std::free(p);
}

TEST_F(Memory, WhatTheAllocatorKeepsAfterABurstIsRetained) {
  const Recording recording(kInterval);
  std::vector<void*> blocks = burst(16);
  void* pin = take(400);  // keeps glibc from giving the top of its heap back
  for (void* p : blocks) std::free(p);
  const profile::MemoryTable table = measure(recording);
  EXPECT_GT(mib(table, "retained") + mib(table, "in_use"), 0) << text_;
  EXPECT_LT(mib(table, "in_use"), 15) << text_;
  std::free(pin);
}

TEST_F(Memory, LargeBlocksNeverTouchedAreNotResident) {
  const Recording recording(kInterval);
  std::vector<void*> blocks;
  for (int i = 0; i < 8; ++i) blocks.push_back(std::malloc(32 << 20));
  std::memset(blocks[0], 1, 32 << 20);
  const profile::MemoryTable table = measure(recording);
  EXPECT_GT(mib(table, "in_use"), 250) << text_;
  // Of 224 MiB never touched here, some may come from memory that earlier blocks have touched.
  EXPECT_LT(mib(table, "untouched"), -120) << text_;
  for (void* p : blocks) std::free(p);
}

TEST_F(Memory, WhatTheProgramMapsItselfIsToldApart) {
  const Recording recording(kInterval);
  constexpr std::size_t kBytes = 48 << 20;
  void* mine = mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(mine, MAP_FAILED);
  void* shared = mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(shared, MAP_FAILED);
  std::memset(mine, 1, kBytes);
  std::memset(shared, 1, kBytes);
  const profile::MemoryTable table = measure(recording);
  EXPECT_NEAR(mib(table, "other_anonymous"), 48, 12) << text_;
  EXPECT_NEAR(mib(table, "shared"), 48, 2) << text_;
  munmap(mine, kBytes);
  munmap(shared, kBytes);
}

[[gnu::noinline]] void use_stack(std::size_t bytes) {
  auto* room = static_cast<volatile char*>(__builtin_alloca(bytes));
  for (std::size_t i = 0; i < bytes; i += 1024) room[i] = 1;
}

TEST_F(Memory, ThreadStacksAreCounted) {
  const Recording recording(kInterval);
  std::promise<void> done;
  std::shared_future<void> until = done.get_future().share();
  std::vector<std::thread> threads;
  std::vector<std::promise<void>> used(8);
  for (auto& ready : used) {
    threads.emplace_back([&ready, until] {
      use_stack(4 << 20);
      ready.set_value();
      until.wait();
    });
  }
  for (auto& ready : used) ready.get_future().wait();
  const profile::MemoryTable table = measure(recording);
  EXPECT_NEAR(mib(table, "thread_stacks"), 32, 4) << text_;
  done.set_value();
  for (std::thread& t : threads) t.join();
}

TEST_F(Memory, InExactModeTheRegionIsSharedOut) {
  const Recording recording(record::kExact);
  const std::vector<void*> blocks = burst(16);
  const profile::MemoryTable table = measure(recording);
  EXPECT_GT(mib(table, "in_use"), 97) << text_;
  EXPECT_GT(mib(table, "holdfast"), 2) << text_;  // what is known of 200,000 blocks
  for (void* p : blocks) std::free(p);
}

}  // namespace
}  // namespace holdfast::hook
