// Blocks found by the addresses inside them, while others come and go.
#include "record/live_blocks.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include <atomic>
#include <map>
#include <memory>
#include <thread>
#include <vector>

namespace holdfast::record {
namespace {

// A recorder in exact mode whose large blocks are plain memory of the test.
class LiveBlocks : public testing::Test {
 protected:
  LiveBlocks() {
    EXPECT_TRUE(recorder().prepare());
    EXPECT_TRUE(recorder().start(kExact, 64, true));
    Decision decision = recorder().decide(1, 0);
    interval_ = decision.interval_id;
    const std::uintptr_t stack[] = {11, 22};
    site_ = recorder().sites().intern(stack, 2);
  }
  ~LiveBlocks() override {
    for (void* p : small_) recorder().release(p);
    for (const auto& block : large_) recorder().release(block.get());
    recorder().stop();
  }

  static Recorder& recorder() {
    static constinit Recorder made;
    return made;
  }

  char* small(std::size_t size) {
    void* p = recorder().take_small(size, 0, site_, interval_);
    small_.push_back(p);
    return static_cast<char*>(p);
  }
  char* large(std::size_t size) {
    large_.push_back(std::make_unique<char[]>(size));
    EXPECT_TRUE(recorder().track_large(large_.back().get(), size, site_, interval_));
    return large_.back().get();
  }
  void free_last_small() {
    EXPECT_EQ(recorder().release(small_.back()), Released::yes);
    small_.pop_back();
  }

  static std::uintptr_t address(const void* p) { return reinterpret_cast<std::uintptr_t>(p); }

  std::uint16_t interval_ = 0;
  SiteId site_ = SiteId::folded;
  std::vector<void*> small_;
  std::vector<std::unique_ptr<char[]>> large_;
};

TEST_F(LiveBlocks, ASmallOneIsFoundByEachOfItsBytesAndNoOther) {
  for (const std::size_t size : {0, 1, 16, 17, 100, 1000, 5000, 32'768}) {
    const char* p = small(size);
    ASSERT_NE(p, nullptr);
    for (std::size_t i = 0; i < std::max<std::size_t>(size, 1); i += i < 64 ? 1 : 61) {
      LiveBlock found;
      ASSERT_TRUE(small_block_at(recorder(), address(p + i), found)) << size << " " << i;
      EXPECT_EQ(found.start, address(p));
      EXPECT_EQ(found.size, size);
      EXPECT_EQ(found.site, site_);
      EXPECT_GE(found.birth_ns, recorder().started_ns());
      EXPECT_EQ(recorder().interval_of(found.interval_id), kExact);
    }
    LiveBlock other;
    if (block_at(recorder(), address(p + std::max<std::size_t>(size, 1)), other))
      EXPECT_NE(other.start, address(p));
  }
}

TEST_F(LiveBlocks, AFreedOneIsNotFound) {
  const char* p = small(100);
  free_last_small();
  LiveBlock found;
  EXPECT_FALSE(block_at(recorder(), address(p), found));
  EXPECT_FALSE(block_at(recorder(), address(p + 50), found));
}

TEST_F(LiveBlocks, ALargeOneIsFoundByEachOfItsBytes) {
  const char* p = large(1'000'000);
  LiveIndex index(recorder());
  ASSERT_TRUE(index.refresh());
  for (const std::size_t i : {0, 1, 4096, 500'001, 999'999}) {
    LiveBlock found;
    ASSERT_TRUE(block_at(recorder(), address(p + i), found));
    EXPECT_EQ(found.start, address(p));
    LiveBlock indexed;
    ASSERT_TRUE(index.find(address(p + i), indexed));
    EXPECT_EQ(indexed.start, address(p));
    EXPECT_EQ(indexed.size, 1'000'000u);
    EXPECT_EQ(indexed.site, site_);
  }
  LiveBlock found;
  EXPECT_FALSE(index.find(address(p + 1'000'000), found));
  EXPECT_FALSE(index.find(address(p) - 1, found));
  EXPECT_FALSE(block_at(recorder(), address(p + 1'000'000), found));
}

TEST_F(LiveBlocks, NoAddressAtAllIsAFault) {
  small(100);
  const std::uintptr_t base = recorder().region().base();
  LiveBlock found;
  for (const std::uintptr_t a :
       {std::uintptr_t{0}, std::uintptr_t{1}, base - 1, base + kSpanBytes - 1,
        base + recorder().region().size() - 1, base + recorder().region().size(), ~std::uintptr_t{0}}) {
    EXPECT_FALSE(block_at(recorder(), a, found)) << a;
  }
}

TEST_F(LiveBlocks, EachIsToldOnce) {
  std::map<std::uintptr_t, std::size_t> truth;
  for (std::size_t i = 0; i < 5000; ++i) {
    const std::size_t size = i * 37 % 9000;
    const char* p = small(size);
    if (i % 3 == 0) {
      free_last_small();
    } else {
      truth[address(p)] = size;
    }
  }
  for (std::size_t i = 0; i < 50; ++i) truth[address(large(40'000 + i))] = 40'000 + i;
  std::map<std::uintptr_t, std::size_t> told;
  each_live_block(recorder(),
                  [&](const LiveBlock& block) { EXPECT_TRUE(told.emplace(block.start, block.size).second); });
  EXPECT_EQ(told, truth);
}

// What a helper with this process's memory sees; it may use nothing but the recorder.
struct Helper {
  const Recorder* recorder;
  const std::uintptr_t* stable;  // addresses inside blocks that stay
  std::size_t count;
  std::atomic<bool>* churning;
  std::atomic<std::size_t> missed{0};
  std::atomic<std::size_t> listed{0};
  std::atomic<std::size_t> rounds{0};
};

int look_around(void* argument) {
  auto& helper = *static_cast<Helper*>(argument);
  while (!helper.churning->load()) sched_yield();
  LiveIndex index(*helper.recorder);
  do {
    if (!index.refresh()) return 1;
    LiveBlock found;
    for (std::size_t i = 0; i < helper.count; ++i) {
      if (!index.find(helper.stable[i], found)) ++helper.missed;
    }
    // Every address of the region's first megabytes, in use or not.
    const std::uintptr_t base = helper.recorder->region().base();
    for (std::uintptr_t a = base; a < base + (std::uintptr_t{4} << 20); a += 1000) {
      small_block_at(*helper.recorder, a, found);
    }
    std::size_t listed = 0;
    each_live_block(*helper.recorder, [&](const LiveBlock&) { ++listed; });
    helper.listed = listed;
  } while (++helper.rounds < 20);
  return 0;
}

TEST_F(LiveBlocks, AHelperWithoutLocksFindsAllThatStayWhileOthersComeAndGo) {
  std::vector<std::uintptr_t> stable;
  for (std::size_t i = 0; i < 300; ++i) stable.push_back(address(small(i * 31 % 4000)));
  for (std::size_t i = 1; i < 20; ++i) stable.push_back(address(large(50'000 * i) + 777));
  std::atomic<bool> churning{false}, done{false};
  std::thread churn([&] {
    std::vector<void*> mine;
    // Spans fill, empty and change their class all the time; so does the table of large blocks.
    for (std::size_t round = 0; !done.load(); ++round) {
      const std::size_t size = 200 + round * 977 % 30'000;
      for (int i = 0; i < 400; ++i) mine.push_back(recorder().take_small(size, 0, site_, interval_));
      for (void* p : mine) recorder().release(p);
      mine.clear();
      std::vector<char> big(64);
      recorder().track_large(big.data(), 100'000 + round, site_, interval_);
      recorder().release(big.data());
      churning = true;
    }
  });
  Helper helper{&recorder(), stable.data(), stable.size(), &churning};
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  EXPECT_EQ(look_around(&helper), 0);
#else
  constexpr std::size_t kStack = 256 * 1024;
  void* stack = mmap(nullptr, kStack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(stack, MAP_FAILED);
  const pid_t pid = clone(look_around, static_cast<char*>(stack) + kStack, CLONE_VM | SIGCHLD, &helper);
  ASSERT_GT(pid, 0);
  int status = -1;
  EXPECT_EQ(waitpid(pid, &status, 0), pid);
  EXPECT_TRUE(WIFEXITED(status)) << status;
  EXPECT_EQ(WEXITSTATUS(status), 0);
  munmap(stack, kStack);
#endif
  done = true;
  churn.join();
  EXPECT_EQ(helper.missed, 0u);
  EXPECT_GE(helper.listed, stable.size());
}

}  // namespace
}  // namespace holdfast::record
