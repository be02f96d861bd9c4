#include "diagnose/compare.h"

#include <gtest/gtest.h>

#include "support/snapshot_builder.h"

namespace holdfast::diagnose {
namespace {

using testing::Life;
using testing::SnapshotBuilder;

TEST(Comparison, TellsBirthsFromDeaths) {
  const std::vector<Life> lives = {{1, 1e18, 100}, {2, 15, 1000}, {12, 1e18, 10}};
  const Comparison c = compare(SnapshotBuilder(10, 1).site("f", lives).profile(),
                               SnapshotBuilder(20, 1).site("f", lives).profile());
  EXPECT_TRUE(c.same_process);
  EXPECT_EQ(c.work, 1000);
  ASSERT_EQ(c.changes.size(), 1u);
  EXPECT_EQ(c.changes[0].born_bytes, 10);
  EXPECT_EQ(c.changes[0].died_bytes, 1000);
  EXPECT_EQ(c.changes[0].growth.value, -990);
  EXPECT_EQ(c.changes[0].growth.interval, (Interval{-990, -990}));
}

TEST(Comparison, KeepsTrueGrowthWithinItsInterval) {
  int inside = 0;
  constexpr int kRuns = 200;
  for (int seed = 1; seed <= kRuns; ++seed) {
    std::vector<Life> lives;
    for (int i = 0; i < 2000; ++i) lives.push_back({i * 0.01, i % 2 == 0 ? 1e18 : i * 0.01 + 3, 20'000});
    // Born after 10 s and alive at 20 s: 500 that stay, 150 short-lived; gone since: 150 that were alive at
    // 10 s.
    const auto at = [&](double uptime) {
      return SnapshotBuilder(uptime, 64 * 1024, static_cast<std::uint64_t>(seed)).site("f", lives).profile();
    };
    const Comparison c = compare(at(10), at(20));
    if (c.changes.empty()) continue;
    inside += c.changes[0].growth.interval.lower <= 1e7 && 1e7 <= c.changes[0].growth.interval.upper;
  }
  EXPECT_GE(inside, kRuns * 9 / 10);
}

// 100 requests a second; the site keeps `kept` objects over the time.
profile::Profile process(std::uint64_t id, double uptime, int kept, double bytes,
                         std::uint64_t interval = 1) {
  std::vector<Life> lives = {{1, 1e18, 5e6}};
  for (int i = 0; i < kept; ++i) lives.push_back({uptime * i / kept, 1e18, bytes});
  SnapshotBuilder builder(uptime, interval);
  builder.site("keep", lives).profile().history->process_id = id;
  return builder.profile();
}

TEST(Comparison, OfTwoProcessesIsOfWhatEachKeepsPerRequest) {
  // The second ran ten times as long and holds ten times as much: per request, nothing changed.
  const Comparison same = compare(process(1, 360, 360, 1000), process(2, 3600, 3600, 1000));
  EXPECT_FALSE(same.same_process);
  EXPECT_EQ(same.basis, Basis::rates);
  EXPECT_EQ(same.rate_unit, "requests");
  for (const Change& c : same.changes) {
    EXPECT_LT(c.growth.interval.lower, 0);
    EXPECT_GT(c.growth.interval.upper, 0);
  }
  const Comparison worse = compare(process(1, 360, 360, 1000), process(2, 3600, 7200, 1000));
  ASSERT_EQ(worse.changes.size(), 1u);
  EXPECT_NEAR(*worse.changes[0].base_rate, 10, 0.2);
  EXPECT_NEAR(*worse.changes[0].current_rate, 20, 0.2);
  EXPECT_GT(worse.changes[0].growth.interval.lower, 5);
}

TEST(Comparison, OfTwoProcessesThatCountNoWorkIsPerHour) {
  profile::Profile a = process(1, 3600, 3600, 1000), b = process(2, 3600, 7200, 1000);
  a.history->work_unit = b.history->work_unit = "bytes allocated";
  const Comparison c = compare(a, b);
  EXPECT_EQ(c.rate_unit, "hour");
  ASSERT_EQ(c.changes.size(), 1u);
  EXPECT_NEAR(c.changes[0].growth.value, 3.6e6, 4e4);
}

TEST(Comparison, WarnsOfAnotherProcessBuildAndInterval) {
  profile::Profile a = process(1, 360, 360, 1000), b = process(2, 360, 360, 1000, 4096);
  b.mappings[0].build_id = "other";
  EXPECT_EQ(compare(a, b).warnings.size(), 3u);
  EXPECT_TRUE(compare(a, a).warnings.empty());
}

TEST(Comparison, WithoutAgesIsOfLevels) {
  profile::Profile a = process(1, 360, 360, 1000, 4096), b = process(1, 720, 720, 1000, 4096);
  a.history.reset();
  b.history.reset();
  const Comparison c = compare(a, b);
  EXPECT_EQ(c.basis, Basis::levels);
  ASSERT_EQ(c.changes.size(), 1u);
  EXPECT_LT(c.changes[0].growth.interval.lower, c.changes[0].growth.value);
  EXPECT_FALSE(c.changes[0].born_bytes);
}

TEST(Comparison, LeavesOutWhatDidNotChange) {
  const std::vector<Life> lives = {{1, 1e18, 100}};
  EXPECT_TRUE(compare(SnapshotBuilder(10, 1).site("f", lives).profile(),
                      SnapshotBuilder(20, 1).site("f", lives).profile())
                  .changes.empty());
}

}  // namespace
}  // namespace holdfast::diagnose
