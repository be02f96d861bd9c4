#include "diagnose/compare.h"

#include <gtest/gtest.h>

#include "support/snapshot_builder.h"

namespace holdfast::diagnose {
namespace {

using testing::Life;
using testing::SnapshotBuilder;

TEST(Comparison, TellsBirthsFromDeaths) {
  const std::vector<Life> lives = {{1, 1e18, 100}, {2, 15, 1000}, {12, 1e18, 10}};
  const Comparison c = compare(SnapshotBuilder(10, 1).site("f", lives).profile(), SnapshotBuilder(20, 1).site("f", lives).profile());
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
    // Born after 10 s and alive at 20 s: 500 that stay, 150 short-lived; gone since: 150 that were alive at 10 s.
    const auto at = [&](double uptime) {
      return SnapshotBuilder(uptime, 64 * 1024, static_cast<std::uint64_t>(seed)).site("f", lives).profile();
    };
    const Comparison c = compare(at(10), at(20));
    if (c.changes.empty()) continue;
    inside += c.changes[0].growth.interval.lower <= 1e7 && 1e7 <= c.changes[0].growth.interval.upper;
  }
  EXPECT_GE(inside, kRuns * 9 / 10);
}

TEST(Comparison, OfDifferentProcessesWarnsAndComparesLevels) {
  SnapshotBuilder a(10, 1), b(20, 4096);
  a.site("gone", {{1, 1e18, 5000}});
  b.site("came", {{1, 1e18, 9000000}});
  b.profile().history->process_id = 43;
  b.profile().mappings[0].build_id = "other";
  const Comparison c = compare(a.profile(), b.profile());
  EXPECT_FALSE(c.same_process);
  EXPECT_EQ(c.warnings.size(), 3u);
  ASSERT_EQ(c.changes.size(), 2u);
  EXPECT_EQ(c.changes[0].site.frames[0].function, "came");
  EXPECT_FALSE(c.changes[0].born_bytes);
  EXPECT_EQ(c.changes[1].growth.value, -5000);
}

TEST(Comparison, LeavesOutWhatDidNotChange) {
  const std::vector<Life> lives = {{1, 1e18, 100}};
  EXPECT_TRUE(compare(SnapshotBuilder(10, 1).site("f", lives).profile(), SnapshotBuilder(20, 1).site("f", lives).profile()).changes.empty());
}

}  // namespace
}  // namespace holdfast::diagnose
