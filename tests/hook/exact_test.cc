// Exact mode: every allocation counted, in every way it can be made and ended.
#include <gtest/gtest.h>
#include <malloc.h>

#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <vector>

#include "hook/recording.h"
#include "hook/slow_path.h"

namespace holdfast::hook {
namespace {

constexpr std::size_t kSizes[] = {0, 1, 16, 24, 100, 1000, 4096, 30'000, 32'768, 32'769, 100'000, 1'000'000};

HOLDFAST_TEST_SITE void* take_malloc(std::size_t n) {
  void* p = std::malloc(n);
  asm volatile("" : : "r"(p) : "memory");
  return p;
}

HOLDFAST_TEST_SITE void* resize(void* p, std::size_t n) {
  p = std::realloc(p, n);
  asm volatile("" : : "r"(p) : "memory");
  return p;
}

Sum of_malloc(const Recording& r) { return through(r.freeze(), reinterpret_cast<void*>(&take_malloc)); }

TEST(ExactMode, CountsEachAllocationAndEachFree) {
  const Recording recording(record::kExact);
  const Sum before = of_malloc(recording);
  std::size_t bytes = 0;
  std::vector<void*> blocks;
  blocks.reserve(200);
  for (int round = 0; round < 10; ++round) {
    for (const std::size_t n : kSizes) {
      blocks.push_back(take_malloc(n));
      bytes += n;
    }
  }
  const Sum held = of_malloc(recording);
  EXPECT_EQ(held.alloc_objects - before.alloc_objects, 10 * std::size(kSizes));
  EXPECT_EQ(held.alloc_bytes - before.alloc_bytes, bytes);
  EXPECT_EQ(held.inuse_bytes - before.inuse_bytes, bytes);
  for (void* p : blocks) std::free(p);
  const Sum after = of_malloc(recording);
  EXPECT_EQ(after.inuse_objects, before.inuse_objects);
  EXPECT_EQ(after.inuse_bytes, before.inuse_bytes);
  EXPECT_EQ(after.freed_samples - before.freed_samples, 10 * std::size(kSizes));
}

TEST(ExactMode, BlocksKeepTheirBytesThroughRealloc) {
  const Recording recording(record::kExact);
  for (const std::size_t from : kSizes) {
    for (const std::size_t to : kSizes) {
      if (to == 0) continue;
      auto* p = static_cast<char*>(take_malloc(from));
      for (std::size_t i = 0; i < from; ++i) p[i] = static_cast<char>(i * 7);
      p = static_cast<char*>(resize(p, to));
      ASSERT_NE(p, nullptr);
      for (std::size_t i = 0; i < std::min(from, to); ++i) ASSERT_EQ(p[i], static_cast<char>(i * 7)) << from << " " << to;
      ASSERT_GE(malloc_usable_size(p), to);
      std::memset(p, 1, to);
      std::free(p);
    }
  }
  const Sum sum = through(recording.freeze(), reinterpret_cast<void*>(&resize));
  EXPECT_EQ(sum.inuse_bytes, 0);
  EXPECT_EQ(sum.inuse_objects, 0);
}

TEST(ExactMode, AReallocIsAFreeAndAnAllocation) {
  const Recording recording(record::kExact);
  void* p = take_malloc(40'000);
  p = resize(p, 2'000'000);
  const Sum first = of_malloc(recording);
  const Sum second = through(recording.freeze(), reinterpret_cast<void*>(&resize));
  EXPECT_EQ(first.inuse_bytes, 0);
  EXPECT_EQ(second.inuse_bytes, 2'000'000);
  EXPECT_EQ(resize(p, 0), nullptr);
  EXPECT_EQ(through(recording.freeze(), reinterpret_cast<void*>(&resize)).inuse_bytes, 0);
}

TEST(ExactMode, BlocksFromBeforeTheStartAreFreedUnseen) {
  std::vector<void*> blocks;
  for (const std::size_t n : kSizes) blocks.push_back(take_malloc(n));
  const Recording recording(record::kExact);
  const Sum before = of_malloc(recording);
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    if (i % 2 == 0) {
      std::free(blocks[i]);
    } else {
      std::free(resize(blocks[i], 5000));
    }
  }
  const Sum after = of_malloc(recording);
  EXPECT_EQ(after.freed_samples, before.freed_samples);
  EXPECT_EQ(after.inuse_bytes, before.inuse_bytes);
}

TEST(ExactMode, BlocksFreedAfterTheStopAreStillCountedAsFreed) {
  std::vector<void*> blocks;
  blocks.reserve(100);
  Sum held;
  {
    const Recording recording(record::kExact);
    for (const std::size_t n : kSizes) blocks.push_back(take_malloc(n));
    held = of_malloc(recording);
  }
  for (void* p : blocks) std::free(p);
  const Recording recording(record::kExact);
  const Sum after = of_malloc(recording);
  EXPECT_EQ(after.freed_samples - held.freed_samples, std::size(kSizes));
}

TEST(ExactMode, AllocMinusFreeEqualsLiveForEverySite) {
  const Recording recording(record::kExact);
  std::vector<std::unique_ptr<std::vector<int>>> garbage;
  for (int i = 0; i < 20'000; ++i) {
    garbage.push_back(std::make_unique<std::vector<int>>(i % 300));
    if (i % 3 == 0) garbage[static_cast<std::size_t>(i / 2)].reset();
  }
  for (const snapshot::FrozenSite& site : recording.freeze().sites) {
    double objects = 0, bytes = 0;
    std::uint64_t samples = 0;
    for (const profile::Cohort& c : site.history.live) {
      objects += c.objects;
      bytes += c.bytes;
      samples += c.samples;
    }
    ASSERT_EQ(samples, site.history.alloc_samples - site.history.freed_samples);
    ASSERT_EQ(objects, site.inuse_objects);
    ASSERT_EQ(bytes, site.inuse_bytes);
  }
}

}  // namespace
}  // namespace holdfast::hook
