#include "record/shard.h"

#include <gtest/gtest.h>

#include <array>
#include <map>
#include <memory>
#include <thread>
#include <vector>

#include "base/lifetime_buckets.h"
#include "record/work_clock.h"

namespace holdfast::record {
namespace {

TEST(SiteTable, GivesOneStackOneId) {
  auto table = std::make_unique<SiteTable>();
  const std::uintptr_t a[] = {1, 2, 3};
  const std::uintptr_t b[] = {1, 2, 4};
  const SiteId first = table->intern(a, 3);
  EXPECT_NE(first, SiteId::folded);
  EXPECT_EQ(table->intern(a, 3), first);
  EXPECT_NE(table->intern(b, 3), first);
  EXPECT_NE(table->intern(a, 2), first);
  EXPECT_EQ(table->at(index(first))->depth, 3u);
  EXPECT_EQ(table->at(index(first))->stack[2], 3u);
}

TEST(SiteTable, BeyondItsLimitFoldsAndCounts) {
  auto table = std::make_unique<SiteTable>();
  for (std::uintptr_t i = 1; i < SiteTable::kMaxSites + 1000; ++i) {
    const SiteId id = table->intern(&i, 1);
    ASSERT_EQ(id == SiteId::folded, i >= SiteTable::kMaxSites) << i;
  }
  EXPECT_EQ(table->folded(), 1000u);
  EXPECT_EQ(table->size(), SiteTable::kMaxSites);
}

TEST(SiteTable, FilledByManyThreadsKeepsOneIdPerStack) {
  auto table = std::make_unique<SiteTable>();
  std::array<std::vector<SiteId>, 4> ids;
  std::vector<std::thread> threads;
  for (auto& mine : ids) {
    threads.emplace_back([&table, &mine] {
      for (std::uintptr_t i = 1; i <= 20'000; ++i) {
        const std::uintptr_t stack[] = {i, i * 7};
        mine.push_back(table->intern(stack, 2));
      }
    });
  }
  for (auto& t : threads) t.join();
  for (auto& other : ids) EXPECT_EQ(other, ids[0]);
  EXPECT_EQ(table->size(), 20'001u);
}

TEST(SiteTable, KeepsTheStepsOfAGrowingContainer) {
  auto table = std::make_unique<SiteTable>();
  const std::uintptr_t stack[] = {1};
  const SiteId id = table->intern(stack, 1);
  for (std::uint64_t size = 4096; size <= 4096 << 12; size *= 2) {
    table->note_size(id, size, static_cast<std::int64_t>(size));
    table->note_size(id, size + 1, 0);  // no step
  }
  const SizeSteps* steps = table->at(index(id))->steps.load();
  ASSERT_NE(steps, nullptr);
  EXPECT_EQ(steps->count, 13u);
  EXPECT_EQ(steps->step[(steps->count - 1) % SizeSteps::kKept].size, 4096u << 12);
}

TEST(Shard, CountsLifetimesInBuckets) {
  auto shard = std::make_unique<Shard>();
  SiteCounters* c = shard->counters(SiteId{5});
  ASSERT_NE(c, nullptr);
  std::map<int, std::uint64_t> truth;
  for (std::int64_t ns = 500; ns < 4'000'000'000'000; ns = ns * 3 / 2) {
    for (int i = 0; i < 3; ++i) {
      shard->count_alloc(*c, weight_of(100, kExact));
      shard->count_free(*c, weight_of(100, kExact), ns);
    }
    truth[base::lifetime_bucket(static_cast<std::uint64_t>(ns))] += 3;
  }
  std::map<int, std::uint64_t> told;
  shard->each_lifetime(*c, [&](int bucket, std::uint32_t n) { told[bucket] += n; });
  EXPECT_EQ(told, truth);
  EXPECT_EQ(c->allocs, c->frees);
  EXPECT_EQ(c->alloc_bytes, c->freed_bytes);
}

TEST(Shard, FindsLargeBlocksUntilTheyAreRemoved) {
  auto shard = std::make_unique<Shard>();
  for (std::uintptr_t i = 1; i <= 50'000; ++i) {
    ASSERT_TRUE(shard->insert_large({i << 16, i, 0, SiteId{1}, 0, 0, 0}));
  }
  EXPECT_EQ(shard->large_count(), 50'000u);
  for (std::uintptr_t i = 1; i <= 50'000; i += 2) {
    LargeBlock removed;
    ASSERT_TRUE(shard->remove_large(i << 16, removed));
    ASSERT_EQ(removed.size, i);
    ASSERT_FALSE(shard->remove_large(i << 16, removed));
  }
  EXPECT_EQ(shard->find_large(1 << 16), nullptr);
  ASSERT_NE(shard->find_large(2 << 16), nullptr);
  std::uint64_t seen = 0;
  shard->each_large([&](const LargeBlock& b) { seen += b.size % 2 == 0; });
  EXPECT_EQ(seen, 25'000u);
}

TEST(LifetimeBuckets, StartWhereTheirDurationsFall) {
  int last = 0;
  for (std::uint64_t us = 1; us < (std::uint64_t{1} << 42); us += 1 + us / 100) {
    const int bucket = base::lifetime_bucket(us * 1000);
    ASSERT_GE(bucket, last);
    ASSERT_LE(base::lifetime_bucket_start_ns(bucket), static_cast<std::int64_t>(us) * 1000);
    if (bucket + 1 < base::kLifetimeBuckets && us >= 4) {
      ASSERT_GT(base::lifetime_bucket_start_ns(bucket + 1), static_cast<std::int64_t>(us) * 1000);
    }
    last = bucket;
  }
}

TEST(WorkClock, KeepsABoundedCurveThatEndsNow) {
  auto clock = std::make_unique<WorkClock>();
  for (std::int64_t t = 1; t <= 100'000; ++t) {
    clock->add(3);
    clock->tick(t * 1'000'000);
  }
  std::array<WorkClock::Point, WorkClock::kPoints + 1> points;
  const std::size_t count = clock->read(100'000'000'000, points);
  ASSERT_GT(count, WorkClock::kPoints / 4);
  ASSERT_LE(count, WorkClock::kPoints + 1);
  EXPECT_EQ(points[count - 1].work, 300'000);
  for (std::size_t i = 1; i < count; ++i) {
    ASSERT_GE(points[i].time_ns, points[i - 1].time_ns);
    // Work grew by 3 a millisecond: the curve says so at every point.
    ASSERT_NEAR(points[i].work, 3e-6 * static_cast<double>(points[i].time_ns), 3.1);
  }
}

}  // namespace
}  // namespace holdfast::record
