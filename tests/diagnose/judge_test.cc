#include "diagnose/judge.h"

#include <gtest/gtest.h>

#include <cmath>

#include "support/snapshot_builder.h"

namespace holdfast::diagnose {
namespace {

using testing::Life;
using testing::SnapshotBuilder;

constexpr double kHour = 3600;

// `count` lives spread evenly over [from, to), each living `lifetime` seconds.
std::vector<Life> steady(int count, double from, double to, double lifetime, double bytes) {
  std::vector<Life> lives;
  for (int i = 0; i < count; ++i) {
    const double born = from + (to - from) * (i + 0.5) / count;
    lives.push_back({born, born + lifetime, bytes});
  }
  return lives;
}

constexpr double kForEver = 1e18;

Finding only(const profile::Profile& profile, const Policy& policy = {}) {
  const Diagnosis d = judge(profile, policy);
  EXPECT_EQ(d.findings.size(), 1u);
  return d.findings.empty() ? Finding{} : d.findings[0];
}

TEST(Verdict, ObjectsThatNeverDieAndKeepComingAreALeak) {
  const Finding f =
      only(SnapshotBuilder(kHour, 1).site("keep", steady(400, 0, kHour, kForEver, 1e5)).profile());
  EXPECT_EQ(f.grade, Grade::leak);
  ASSERT_TRUE(f.bytes_per_hour);
  EXPECT_NEAR(f.bytes_per_hour->value, 4e7, 1e6);
  EXPECT_LT(f.bytes_per_hour->interval.lower, 4e7);
  EXPECT_GT(f.bytes_per_hour->interval.upper, 4e7);
  ASSERT_TRUE(f.bytes_per_work);
  EXPECT_NEAR(f.bytes_per_work->value, 4e7 / 360'000, 3);
  EXPECT_EQ(f.site.frames[f.site.named_frame].function, "keep");
}

TEST(Verdict, ObjectsThatDieInTimeAreTurnover) {
  const Finding f =
      only(SnapshotBuilder(kHour, 1).site("session", steady(4000, 0, kHour, 120, 1e5)).profile());
  EXPECT_EQ(f.grade, Grade::turnover);
}

TEST(Verdict, ATableBuiltAtTheStartIsRetained) {
  const Finding f =
      only(SnapshotBuilder(kHour, 1).site("table", steady(400, 0, 60, kForEver, 1e5)).profile());
  EXPECT_EQ(f.grade, Grade::retained);
}

// 100 seconds of work, then 700 of rest.
double requests_before_a_rest(double t) { return 100 * std::min(t, 100.0); }

TEST(Verdict, ACacheAtRestIsNotALeak) {
  std::vector<Life> lives = steady(10'000, 0, 100, 5, 1e4);
  for (Life& life : lives) {
    if (life.died > 100) life.died = kForEver;
  }
  SnapshotBuilder builder(800, 1);
  builder.work(requests_before_a_rest).site("cache", lives);
  EXPECT_EQ(only(builder.profile()).grade, Grade::turnover);
  EXPECT_NE(judge(builder.profile()).notes.size(), 0u);
}

TEST(Verdict, ALeakAtRestIsStillALeak) {
  const auto lives = steady(400, 0, 100, kForEver, 1e5);
  EXPECT_EQ(only(SnapshotBuilder(800, 1).work(requests_before_a_rest).site("keep", lives).profile()).grade,
            Grade::leak);
}

TEST(Verdict, ALeakThatGoesOnWhileNoRequestsComeIsALeak) {
  for (const double from : {0.0, 50.0, 150.0}) {
    const auto lives = steady(400, from, 800, kForEver, 1e5);
    SnapshotBuilder builder(800, 1);
    builder.work(requests_before_a_rest).site("background", lives);
    EXPECT_EQ(only(builder.profile()).grade, Grade::leak) << from;
  }
}

TEST(Verdict, ALeakThatItselfCameToRestIsALeak) {
  // Requests are counted for 10 seconds only, connections go on until 480 s of 800.
  SnapshotBuilder builder(800, 1);
  builder.work([](double t) { return std::min(t, 10.0); }).site("accept", steady(400, 0, 480, kForEver, 1e5));
  EXPECT_EQ(only(builder.profile()).grade, Grade::leak);
}

TEST(Verdict, SessionsThatTheEndOfTheWorkLeftOpenAreNotALeak) {
  // Open for some 9 seconds each; the last requests come right after what counts as the end of the work.
  for (const double idle : {5.0, 12.0, 700.0}) {
    std::vector<Life> lives = steady(4000, 0, 100, 9, 1e4);
    for (Life& life : lives) {
      if (life.died > 100) life.died = kForEver;
    }
    SnapshotBuilder builder(100 + idle, 1);
    builder.work(requests_before_a_rest).site("session", lives);
    EXPECT_GT(only(builder.profile()).grade, Grade::growing_container) << idle;
  }
}

TEST(Verdict, AFullCacheThatAFewRequestsTouchWhileItRestsIsNotALeak) {
  // 50 pages live at the end of the work; then one in 70 seconds replaces the oldest.
  std::vector<Life> lives = steady(10'000, 0, 100, 0.5, 1e4);
  for (std::size_t i = 0; i < 50; ++i)
    lives[lives.size() - 50 + i].died = i < 10 ? 170 + 70.0 * static_cast<double>(i) : kForEver;
  for (int i = 0; i < 10; ++i) lives.push_back({170 + 70.0 * i, kForEver, 1e4});
  SnapshotBuilder builder(900, 1);
  builder.work([](double t) { return requests_before_a_rest(t) + t / 70; }).site("cache", lives);
  EXPECT_GT(only(builder.profile()).grade, Grade::growing_container);
}

TEST(Verdict, ACacheThatStopsGrowingIsNotALeak) {
  const Finding f =
      only(SnapshotBuilder(kHour, 1).site("cache", steady(400, 0, 0.4 * kHour, kForEver, 1e5)).profile());
  EXPECT_EQ(f.grade, Grade::retained);
  EXPECT_EQ(f.reason, Reason::fades);
  EXPECT_LT(f.evidence.fade, 1.0 / 3);
}

TEST(Verdict, OneLeakInAHundredIsFoundAmongObjectsThatDie) {
  std::vector<Life> lives = steady(40'000, 0, kHour, 0.5, 1e4);
  for (std::size_t i = 0; i < lives.size(); i += 100) lives[i].died = kForEver;
  EXPECT_EQ(only(SnapshotBuilder(kHour, 1).site("context", lives).profile()).grade, Grade::leak);
}

TEST(Verdict, LongSessionsAreNotResolvedUntilTheUptimeIsFourTimesAsLong) {
  std::vector<Life> lives;
  for (int i = 0; i < 300; ++i)
    lives.push_back({kHour * i / 300, kHour * i / 300 + 1300 + 3 * (i % 300), 1e5});
  const Finding f = only(SnapshotBuilder(kHour, 1).site("session", lives).profile());
  EXPECT_GT(f.grade, Grade::growing_container) << name(f.grade);
}

TEST(Verdict, FewerThanFiveObjectsAreTooLittleData) {
  const Finding f =
      only(SnapshotBuilder(kHour, 512 * 1024).site("rare", steady(4, 0, kHour, kForEver, 4e6)).profile());
  EXPECT_EQ(f.grade, Grade::too_little_data);
  EXPECT_NE(f.explanation.find("cannot be seen"), std::string::npos) << f.explanation;
}

TEST(Verdict, GrowthWithinTheBudgetIsNotALeak) {
  const auto lives = steady(40, 0, kHour, kForEver, 1000);
  EXPECT_NE(only(SnapshotBuilder(kHour, 1).site("small", lives).profile()).grade, Grade::leak);
  EXPECT_EQ(
      only(SnapshotBuilder(kHour, 1).site("small", lives).profile(), {.budget_bytes_per_hour = 100}).grade,
      Grade::leak);
}

TEST(Verdict, ADeclaredBoundIsBelieved) {
  const auto lives = steady(400, 0, kHour, kForEver, 1e5);
  Policy policy;
  policy.bounds = {{"lru_insert", 64e6}};
  EXPECT_EQ(only(SnapshotBuilder(kHour, 1).site("lru_insert", lives).profile(), policy).grade,
            Grade::retained);
  policy.bounds[0].bytes = 1e6;
  EXPECT_EQ(only(SnapshotBuilder(kHour, 1).site("lru_insert", lives).profile(), policy).grade, Grade::leak);
}

TEST(Verdict, ADeclaredBoundIsCheckedEvenWhereNothingLeaks) {
  const profile::Profile table =
      SnapshotBuilder(kHour, 1).site("table", steady(400, 0, 60, kForEver, 1e5)).profile();
  Policy policy;
  policy.bounds = {{"table", 1e6}};
  const Diagnosis exceeded = judge(table, policy);
  EXPECT_FALSE(exceeded.has_leak());
  EXPECT_EQ(exceeded.outcome(), Outcome::leak);
  policy.bounds = {{"tab*e", 64e6}, {"no_such_site", 1}};
  const Diagnosis holds = judge(table, policy);
  EXPECT_EQ(holds.outcome(), Outcome::clean);
  EXPECT_EQ(holds.findings[0].reason, Reason::within_bound);
  EXPECT_EQ(holds.notes, std::vector<std::string>{"no site matches the bound 'no_such_site'"});
}

TEST(Verdict, IsToldInWorkTimeWhenTrafficFalls) {
  // 100 requests a second for half an hour, then 15: the leak keeps with each 100th request.
  const auto requests_at = [](double t) { return t < 1800 ? 100 * t : 180'000 + 15 * (t - 1800); };
  std::vector<Life> lives;
  for (double request = 0; request < requests_at(kHour); request += 100) {
    const double t = request < 180'000 ? request / 100 : 1800 + (request - 180'000) / 15;
    lives.push_back({t, kForEver, 1e4});
  }
  EXPECT_EQ(only(SnapshotBuilder(kHour, 1).work(requests_at).site("keep", lives).profile()).grade,
            Grade::leak);
}

TEST(Verdict, AGrowingBufferIsAGrowingContainer) {
  SnapshotBuilder builder(kHour, 1);
  std::vector<Life> lives;
  for (int i = 0; i < 10; ++i)
    lives.push_back({i * 380.0, i == 9 ? kForEver : (i + 1) * 380.0, 65536.0 * (1 << i)});
  builder.site("grow", lives);
  for (int i = 0; i < 10; ++i) builder.size_steps({{i * 380.0, std::uint64_t{65536} << i}});
  const Finding f = only(builder.profile());
  EXPECT_EQ(f.grade, Grade::growing_container);
  EXPECT_NE(f.explanation.find("32.0 MiB"), std::string::npos) << f.explanation;
}

TEST(Verdict, TellsWhenTheLimitIsReached) {
  const Finding f =
      only(SnapshotBuilder(kHour, 1).site("keep", steady(400, 0, kHour, kForEver, 1e5)).profile(),
           {.limit_bytes = 440e6});
  ASSERT_TRUE(f.hours_to_limit);
  EXPECT_NEAR(*f.hours_to_limit, 10, 0.5);
}

TEST(Verdict, OnAProfileWithoutAgesIsInconclusive) {
  profile::Profile profile =
      SnapshotBuilder(kHour, 1).site("keep", steady(400, 0, kHour, kForEver, 1e5)).profile();
  profile.history.reset();
  const Diagnosis d = judge(profile);
  EXPECT_TRUE(d.inconclusive);
  EXPECT_FALSE(d.has_leak());
}

TEST(Verdict, OnAnEmptyProfileIsInconclusive) {
  EXPECT_TRUE(judge(profile::Profile{}).inconclusive);
  EXPECT_TRUE(judge(SnapshotBuilder(1, 1).profile()).inconclusive);
}

TEST(Verdict, ALeakThatStopsHalfwayIsRetained) {
  const Finding f =
      only(SnapshotBuilder(kHour, 1).site("keep", steady(400, 0, kHour / 2, kForEver, 1e5)).profile());
  EXPECT_EQ(f.grade, Grade::retained);
  EXPECT_EQ(f.reason, Reason::fades);
}

TEST(Verdict, ObjectsBornInTheWarmUpAreRetainedHoweverMany) {
  const Finding f =
      only(SnapshotBuilder(60, 1).site("table", steady(1'000'000, 0, 5, kForEver, 100)).profile());
  EXPECT_EQ(f.grade, Grade::retained);
  EXPECT_EQ(f.reason, Reason::born_at_start);
}

TEST(Verdict, TheWarmUpMayBeDeclared) {
  const auto lives = steady(400, 0, 1800, kForEver, 1e5);
  EXPECT_EQ(only(SnapshotBuilder(kHour, 1).site("table", lives).profile(), {.warm_up_seconds = 1800}).reason,
            Reason::born_at_start);
  EXPECT_TRUE(judge(SnapshotBuilder(kHour, 1).site("table", lives).profile(), {.warm_up_seconds = 3 * kHour})
                  .inconclusive);
}

TEST(Verdict, ACacheWhoseOldEntriesMakeRoomIsTurnoverHoweverLongEachLives) {
  std::vector<Life> lives;
  for (int i = 0; i < 4000; ++i) lives.push_back({1, 10.0 * i, 1e4});
  for (int i = 0; i < 360; ++i) lives.push_back({10.0 * i, kForEver, 1e4});
  const Finding f = only(SnapshotBuilder(kHour, 1).site("lru", lives).profile());
  EXPECT_EQ(f.grade, Grade::turnover);
  EXPECT_EQ(f.reason, Reason::replaced);
}

TEST(Verdict, ObjectsTooYoungToTellAreNotResolvedYet) {
  const Finding f =
      only(SnapshotBuilder(kHour, 1).site("late", steady(400, kHour - 60, kHour, kForEver, 1e5)).profile());
  EXPECT_EQ(f.grade, Grade::too_little_data);
  EXPECT_EQ(f.reason, Reason::not_resolved_yet);
}

TEST(Verdict, AFewLongLivesAreNotResolvedYet) {
  std::vector<Life> lives = steady(8, 0, kHour, kForEver, 1e5);
  lives[1].died = lives[1].born + 1200;
  lives[2].died = lives[2].born + 1300;
  const Finding f = only(SnapshotBuilder(kHour, 1).site("session", lives).profile());
  EXPECT_EQ(f.reason, Reason::not_resolved_yet);
  EXPECT_NE(f.explanation.find("needs an uptime"), std::string::npos) << f.explanation;
}

TEST(Verdict, AFewMoreObjectsOfAStartAreNoLeak) {
  // Threads started at once, and two more later: far above any budget, and still nothing that goes on.
  std::vector<Life> lives = steady(40, 0, 1, kForEver, 1e6);
  lives.push_back({12, kForEver, 1e6});
  lives.push_back({20, kForEver, 1e6});
  EXPECT_GT(only(SnapshotBuilder(30, 1).site("arena", lives).profile()).grade, Grade::growing_container);
}

TEST(Verdict, TenMillionObjectsAreJudgedAtOnce) {
  SnapshotBuilder builder(kHour, 1);
  builder.site("busy", steady(20'000, 0, kHour, kForEver, 1000));
  profile::SiteHistory& site = builder.profile().history->sites[0];
  for (profile::Cohort& c : site.live) c.samples *= 500;
  site.lifetimes.push_back({profile::lifetime_bucket(1000'000'000'000), 100'000});
  EXPECT_EQ(only(builder.profile()).grade, Grade::leak);
}

TEST(Verdict, TwoLambdasOfOneFunctionAreTwoSites) {
  SnapshotBuilder builder(kHour, 1);
  builder.site("main::{lambda(int)#1}::operator()(int) const", steady(400, 0, kHour, kForEver, 1e5));
  builder.site("main::{lambda(int)#2}::operator()(int) const", steady(4000, 0, kHour, 1000, 1e5));
  const Diagnosis d = judge(builder.profile());
  ASSERT_EQ(d.findings.size(), 2u);
  EXPECT_EQ(d.findings[0].grade, Grade::leak);
  EXPECT_EQ(d.findings[1].grade, Grade::turnover);
}

TEST(Verdict, AStartThatAllocatesMostOfAllBytesFadesWhereNothingElseIsCounted) {
  // Half the run builds tables, the rest serves requests of which nothing stays; work is bytes allocated.
  SnapshotBuilder builder(kHour, 1);
  builder.site("tables", steady(10'000, 0, kHour / 2, kForEver, 1e5))
      .site("garbage", steady(36'000, 0, kHour, 0.01, 3000));
  builder.work([](double t) { return std::min(t, kHour / 2) / (kHour / 2) * 1e9 + t / kHour * 108e6; });
  builder.profile().history->work_unit = "bytes allocated";
  const Diagnosis d = judge(builder.profile());
  ASSERT_EQ(d.findings.size(), 1u);
  EXPECT_EQ(d.findings[0].reason, Reason::fades);
}

TEST(Verdict, CountsFromTheLastChangeOfTheInterval) {
  // Sampled at 4 MiB for half an hour, every block after it: the counts jump, the leak does not.
  SnapshotBuilder builder(kHour, 1);
  std::vector<Life> lives = steady(20, 0, 1800, kForEver, 1e5);
  const auto later = steady(800, 1800, kHour, kForEver, 1e5);
  lives.insert(lives.end(), later.begin(), later.end());
  builder.site("keep", lives);
  builder.profile().history->intervals = {{0, 4 << 20}, {1'800'000'000'000, 1}};
  const Diagnosis d = judge(builder.profile());
  EXPECT_EQ(d.warm_up_seconds, 1800);
  ASSERT_EQ(d.findings.size(), 1u);
  EXPECT_EQ(d.findings[0].grade, Grade::leak);
}

TEST(Verdict, SaysWhenRecordingWasStopped) {
  SnapshotBuilder builder(kHour, 1);
  builder.site("keep", steady(400, 0, 1800, kForEver, 1e5));
  builder.profile().history->intervals = {{0, 1}, {1'800'000'000'000, 0}};
  const Diagnosis d = judge(builder.profile());
  EXPECT_EQ(d.findings[0].grade, Grade::leak);
  ASSERT_FALSE(d.notes.empty());
  EXPECT_NE(d.notes[0].find("stopped at 30 min"), std::string::npos) << d.notes[0];
}

TEST(Verdict, ASmallBufferOrOneThatStoppedGrowingIsNoGrowingContainer) {
  const auto grade = [](double last_step, std::uint64_t unit) {
    SnapshotBuilder builder(kHour, 1);
    builder.site("grow", {{last_step, kForEver, static_cast<double>(8 * unit)}});
    builder.size_steps({{1, unit}, {600, 2 * unit}, {900, 4 * unit}, {last_step, 8 * unit}});
    return only(builder.profile()).grade;
  };
  EXPECT_EQ(grade(3000, 1 << 20), Grade::growing_container);
  EXPECT_NE(grade(3000, 64), Grade::growing_container);
  EXPECT_NE(grade(1000, 1 << 20), Grade::growing_container);
}

TEST(Verdict, AStringThatDoublesBesideItsLastByteIsAGrowingContainer) {
  SnapshotBuilder builder(kHour, 1);
  builder.site("append", {{3000, kForEver, 1 << 20}});
  builder.size_steps({{100, (1 << 18) + 1}, {1500, (1 << 19) + 1}, {3000, (1 << 20) + 1}});
  EXPECT_EQ(only(builder.profile()).grade, Grade::growing_container);
}

TEST(Verdict, AnArenaWhoseBlocksGrowByHalfIsAGrowingContainer) {
  SnapshotBuilder builder(kHour, 1);
  std::vector<Life> blocks;
  std::vector<std::pair<double, std::uint64_t>> steps;
  for (double size = 1000, filled = 100; filled < kHour; size *= 1.5, filled *= 1.5) {
    blocks.push_back({filled, kForEver, size * 1000});
    steps.emplace_back(filled, static_cast<std::uint64_t>(size * 1000));
  }
  builder.site("arena", blocks).size_steps(steps);
  EXPECT_EQ(only(builder.profile()).grade, Grade::growing_container);
}

TEST(Verdict, ASuspectLeavesTheAnswerOpen) {
  Diagnosis d;
  EXPECT_EQ(d.outcome(), Outcome::clean);
  d.findings.emplace_back().grade = Grade::suspect;
  EXPECT_EQ(d.outcome(), Outcome::inconclusive);
  d.findings.emplace_back().grade = Grade::leak;
  EXPECT_EQ(d.outcome(), Outcome::leak);
}

TEST(Verdict, EveryNumberIsFiniteWhateverTheHistory) {
  SnapshotBuilder builder(1, 4096);
  builder.site("one", {{0.5, kForEver, 100}}).site("none", {}).site("odd", steady(100, 0, 1, kForEver, 5000));
  builder.profile().history->sites[2].live.push_back({INT64_MAX, UINT64_MAX, NAN, INFINITY, NAN, NAN});
  builder.profile().history->work = {{5, -1}, {3, NAN}};
  for (const Finding& f : judge(builder.profile(), {.limit_bytes = 1e9}).findings) {
    const Evidence& e = f.evidence;
    for (const double x : {e.reached, e.died, e.p_survive_leak, e.p_survive_suspect, e.p_birth, e.fade,
                           e.q_value, f.in_use.value, f.in_use.interval.lower, f.in_use.interval.upper}) {
      EXPECT_TRUE(std::isfinite(x));
    }
  }
}

TEST(Verdict, SurvivesAHistoryOfNonsense) {
  SnapshotBuilder builder(1, 4096);
  builder.site("odd", steady(100, 0, 1, kForEver, 5000));
  profile::HeapHistory& h = *builder.profile().history;
  h.work = {{5, -1}, {3, NAN}, {INT64_MAX, INFINITY}};
  h.sites[0].live.push_back({INT64_MIN, 3, -1, -1, -1, -1});
  h.sites[0].live.push_back({INT64_MAX, UINT64_MAX, NAN, INFINITY, NAN, NAN});
  h.sites[0].lifetimes.push_back({-7, 3});
  h.sites[0].lifetimes.push_back({9999, UINT64_MAX});
  h.sites[0].size_steps = {{INT64_MAX, UINT64_MAX}, {INT64_MIN, 0}};
  for (const std::int64_t uptime : {std::int64_t{0}, std::int64_t{1}, INT64_MAX}) {
    h.uptime_ns = uptime;
    (void)judge(builder.profile());
  }
  SUCCEED();
}

TEST(Verdict, OfASeriesIsTheLastOnesAndTheFirstQuantifiesGrowth) {
  const auto lives = steady(400, 0, kHour, kForEver, 1e5);
  std::vector<profile::Profile> series = {SnapshotBuilder(kHour / 2, 1).site("keep", lives).profile(),
                                          SnapshotBuilder(kHour, 1).site("keep", lives).profile()};
  const Diagnosis d = judge(series);
  ASSERT_EQ(d.findings.size(), 1u);
  EXPECT_EQ(d.findings[0].grade, Grade::leak);
  ASSERT_TRUE(d.findings[0].growth);
  EXPECT_NEAR(d.findings[0].growth->value, 2e7, 1e5);
}

}  // namespace
}  // namespace holdfast::diagnose
