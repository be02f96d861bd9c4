#include "diagnose/series.h"

#include <gtest/gtest.h>

#include "diagnose/judge.h"
#include "support/snapshot_builder.h"

namespace holdfast::diagnose {
namespace {

using testing::Life;
using testing::SnapshotBuilder;

profile::Profile at(double uptime, double kept_per_second, bool ages = true) {
  std::vector<Life> lives;
  for (double t = 0; t < uptime; t += 1 / kept_per_second) lives.push_back({t, 1e18, 1e5});
  profile::Profile p =
      SnapshotBuilder(uptime, 64 * 1024).site("keep", lives).site("table", {{1, 1e18, 1e8}}).profile();
  if (!ages) p.history.reset();
  return p;
}

TEST(Series, OfOneProcessAddsGrowthPointsAndSlope) {
  const Diagnosis d = judge({at(1200, 1), at(2400, 1), at(3600, 1)});
  ASSERT_FALSE(d.findings.empty());
  const Finding& f = d.findings[0];
  EXPECT_EQ(f.grade, Grade::leak);
  ASSERT_TRUE(f.growth);
  EXPECT_NEAR(f.growth->value, 2.4e8, 2e7);
  ASSERT_EQ(f.series.size(), 3u);
  EXPECT_EQ(f.series[0].uptime_seconds, 1200);
  EXPECT_NEAR(*f.slope_bytes_per_hour, 3.6e8, 2e7);
}

TEST(Series, LeavesOutOtherProcessesAndSaysSo) {
  std::vector<profile::Profile> series = {at(1200, 1), at(3600, 1)};
  series[0].history->process_id = 7;
  const Diagnosis d = judge(series);
  EXPECT_FALSE(d.findings[0].growth);
  ASSERT_EQ(d.notes.size(), 1u);
  EXPECT_NE(d.notes[0].find("another process"), std::string::npos);
}

TEST(Series, WithoutAgesSuspectsWhatGrewAndNothingElse) {
  const Diagnosis d = judge({at(1200, 1, false), at(2400, 1, false), at(3600, 1, false)});
  ASSERT_EQ(d.findings.size(), 1u);
  EXPECT_EQ(d.findings[0].grade, Grade::suspect);
  EXPECT_EQ(d.findings[0].reason, Reason::grew_without_ages);
  EXPECT_NEAR(d.findings[0].bytes_per_hour->value, 3.6e8, 3e7);
  EXPECT_EQ(d.outcome(), Outcome::inconclusive);
}

TEST(Series, WithoutAgesIsNeverCleanNorALeak) {
  const Diagnosis d = judge({at(3600, 1, false), at(3600, 1, false)});
  EXPECT_TRUE(d.findings.empty());
  EXPECT_EQ(d.outcome(), Outcome::inconclusive);
}

TEST(Series, SlopeIsTheMedianOverAllPairs) {
  EXPECT_EQ(theil_sen({}), 0);
  EXPECT_EQ(theil_sen({{0, 5}}), 0);
  EXPECT_EQ(theil_sen({{0, 0}, {0, 100}}), 0);
  EXPECT_DOUBLE_EQ(theil_sen({{0, 0}, {3600, 10}, {7200, 20}, {10800, 1000}, {14400, 40}}), 10);
}

}  // namespace
}  // namespace holdfast::diagnose
