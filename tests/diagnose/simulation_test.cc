// Many simulated processes through the real judge: how often is a normal site called a leak, and is a leak
// found?
#include <gtest/gtest.h>

#include <cstdio>

#include "diagnose/judge.h"
#include "support/heap_simulator.h"

namespace holdfast::diagnose {
namespace {

using testing::HeapSimulator;
using testing::Life;
using testing::Mix;
using testing::SnapshotBuilder;

constexpr double kHour = 3600;
constexpr int kProcesses = 60;

struct Score {
  double false_leaks = 0;     // per process
  double false_suspects = 0;  // per process, growing containers included
  double found = 0;           // share of processes whose leak was called one
};

Score score(Mix mix, const char* work_unit) {
  Score total;
  for (int run = 0; run < kProcesses; ++run) {
    HeapSimulator simulator(kHour, 512 * 1024, static_cast<std::uint64_t>(run) * 7919 + 17);
    SnapshotBuilder process = simulator.process(mix);
    process.profile().history->work_unit = work_unit;
    for (const Finding& f : judge(process.profile()).findings) {
      const bool is_leak = f.site.frames[0].function == "the_leak";
      if (f.grade == Grade::leak) (is_leak ? total.found : total.false_leaks) += 1;
      if (!is_leak && (f.grade == Grade::suspect || f.grade == Grade::growing_container))
        total.false_suspects += 1;
    }
  }
  total.found /= kProcesses;
  total.false_leaks /= kProcesses;
  total.false_suspects /= kProcesses;
  std::printf("%-8s %-16s false leaks %.3f, false suspects %.3f per process; leaks found %.1f %%\n",
              mix == Mix::friendly ? "friendly" : "hard", work_unit, total.false_leaks, total.false_suspects,
              100 * total.found);
  return total;
}

TEST(VerdictOverManyProcesses, LeavesTheFriendlyMixAloneAndFindsItsLeak) {
  const Score s = score(Mix::friendly, "requests");
  EXPECT_LE(s.false_leaks, 0.05);
  EXPECT_LE(s.false_suspects, 0.05);
  EXPECT_GE(s.found, 0.95);
}

TEST(VerdictOverManyProcesses, RarelyFlagsTheHardMixAndFindsItsLeak) {
  const Score s = score(Mix::hard, "requests");
  EXPECT_LE(s.false_leaks, 0.5);
  EXPECT_GE(s.found, 0.95);
}

// What one story ends as, over seeds, in the short runs of a CI job.
using Story = std::vector<Life> (*)(HeapSimulator&, double uptime);

bool flagged(Story story, double uptime, std::uint64_t interval, std::uint64_t seed, const char* work_unit) {
  HeapSimulator simulator(uptime, interval, seed);
  SnapshotBuilder builder(uptime, interval, seed);
  builder.profile().history->work_unit = work_unit;
  // Each request also makes garbage that dies with it.
  std::vector<Life> garbage;
  for (double t = 0; t < uptime; t += 0.005)
    garbage.push_back({t, t + simulator.uniform(0.0005, 0.01), 2000});
  builder.site("story", story(simulator, uptime)).site("garbage", garbage);
  return judge(builder.profile()).outcome() != Outcome::clean;
}

std::vector<Life> kept_bodies(HeapSimulator& simulator, double uptime) {
  std::vector<Life> lives;
  for (double t = 0.3; t < uptime; t += simulator.uniform(0.002, 0.008)) lives.push_back({t, 1e18, 65536});
  return lives;
}

std::vector<Life> full_cache(HeapSimulator& simulator, double uptime) {
  // 500 pages made at the start; a miss every few milliseconds evicts the oldest, a few popular pages stay.
  std::vector<Life> lives;
  for (int i = 0; i < 500; ++i) lives.push_back({0.0004 * i, i % 25 == 0 ? 1e18 : 0.2 + 0.005 * i, 8000});
  for (double t = 0.2; t < uptime; t += 0.005)
    lives.push_back({t, t + 2.5 * simulator.uniform(0.8, 1.2), 8000});
  return lives;
}

std::vector<Life> slow_full_cache(HeapSimulator& simulator, double uptime) {
  // Made at the start; so large that one turnover takes four times the run.
  std::vector<Life> lives;
  const double residency = 4 * uptime;
  for (int i = 0; i < 4000; ++i) lives.push_back({0.0001 * i, residency * i / 4000, 8000});
  for (double t = 0.4; t < uptime; t += residency / 4000)
    lives.push_back({t * simulator.uniform(0.999, 1), 1e18, 8000});
  return lives;
}

std::vector<Life> tables(HeapSimulator& simulator, double uptime) {
  std::vector<Life> lives;
  for (int i = 0; i < 5000; ++i) lives.push_back({simulator.uniform(0, 0.08 * uptime), 1e18, 4000});
  return lives;
}

class ShortRun : public ::testing::TestWithParam<std::tuple<double, std::uint64_t, const char*>> {
 protected:
  int flags(Story story) const {
    const auto [uptime, interval, work_unit] = GetParam();
    int count = 0;
    for (std::uint64_t seed = 1; seed <= 20; ++seed)
      count += flagged(story, uptime, interval, seed, work_unit);
    return count;
  }
};

TEST_P(ShortRun, OfAServerThatKeepsEachBodyIsALeakInAllOfTwentyRuns) { EXPECT_EQ(flags(kept_bodies), 20); }
TEST_P(ShortRun, OfAFullCacheIsCleanInAllOfTwentyRuns) { EXPECT_EQ(flags(full_cache), 0); }
TEST_P(ShortRun, OfALargeCacheThatTurnsOverSlowlyIsCleanInAllOfTwentyRuns) {
  EXPECT_EQ(flags(slow_full_cache), 0);
}
TEST_P(ShortRun, OfTablesBuiltAtTheStartIsCleanInAllOfTwentyRuns) { EXPECT_EQ(flags(tables), 0); }

INSTANTIATE_TEST_SUITE_P(InCi, ShortRun,
                         ::testing::Combine(::testing::Values(10.0, 30.0, 60.0),
                                            ::testing::Values(1, 64 * 1024),
                                            ::testing::Values("requests", "bytes allocated")));

}  // namespace
}  // namespace holdfast::diagnose
