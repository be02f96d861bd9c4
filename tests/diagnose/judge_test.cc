#include "diagnose/judge.h"

#include <gtest/gtest.h>

#include <functional>

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
  const Finding f = only(SnapshotBuilder(kHour, 1).site("keep", steady(400, 0, kHour, kForEver, 1e5)).profile());
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
  const Finding f = only(SnapshotBuilder(kHour, 1).site("session", steady(4000, 0, kHour, 120, 1e5)).profile());
  EXPECT_EQ(f.grade, Grade::turnover);
}

TEST(Verdict, ATableBuiltAtTheStartIsRetained) {
  const Finding f = only(SnapshotBuilder(kHour, 1).site("table", steady(400, 0, 60, kForEver, 1e5)).profile());
  EXPECT_EQ(f.grade, Grade::retained);
}

TEST(Verdict, ACacheThatStopsGrowingIsNotALeak) {
  const Finding f = only(SnapshotBuilder(kHour, 1).site("cache", steady(400, 0, 0.4 * kHour, kForEver, 1e5)).profile());
  EXPECT_EQ(f.grade, Grade::retained);
  EXPECT_LT(f.fade, 1.0 / 3);
}

TEST(Verdict, OneLeakInAHundredIsFoundAmongObjectsThatDie) {
  std::vector<Life> lives = steady(40'000, 0, kHour, 0.5, 1e4);
  for (std::size_t i = 0; i < lives.size(); i += 100) lives[i].died = kForEver;
  EXPECT_EQ(only(SnapshotBuilder(kHour, 1).site("context", lives).profile()).grade, Grade::leak);
}

TEST(Verdict, LongSessionsAreNotResolvedUntilTheUptimeIsFourTimesAsLong) {
  std::vector<Life> lives;
  for (int i = 0; i < 300; ++i) lives.push_back({kHour * i / 300, kHour * i / 300 + 1300 + 3 * (i % 300), 1e5});
  const Finding f = only(SnapshotBuilder(kHour, 1).site("session", lives).profile());
  EXPECT_TRUE(f.grade == Grade::unresolved || f.grade == Grade::retained || f.grade == Grade::suspect) << name(f.grade);
  EXPECT_NE(f.grade, Grade::leak);
}

TEST(Verdict, FewerThanFiveObjectsAreTooLittleData) {
  const Finding f = only(SnapshotBuilder(kHour, 512 * 1024).site("rare", steady(4, 0, kHour, kForEver, 4e6)).profile());
  EXPECT_EQ(f.grade, Grade::too_little_data);
  EXPECT_NE(f.reason.find("cannot be seen"), std::string::npos) << f.reason;
}

TEST(Verdict, GrowthWithinTheBudgetIsNotALeak) {
  const auto lives = steady(40, 0, kHour, kForEver, 1000);
  EXPECT_NE(only(SnapshotBuilder(kHour, 1).site("small", lives).profile()).grade, Grade::leak);
  EXPECT_EQ(only(SnapshotBuilder(kHour, 1).site("small", lives).profile(), {.budget_bytes_per_hour = 100}).grade, Grade::leak);
}

TEST(Verdict, ADeclaredBoundIsBelieved) {
  const auto lives = steady(400, 0, kHour, kForEver, 1e5);
  Policy policy;
  policy.bounds = {{"lru_insert", 64e6}};
  EXPECT_EQ(only(SnapshotBuilder(kHour, 1).site("lru_insert", lives).profile(), policy).grade, Grade::retained);
  policy.bounds[0].bytes = 1e6;
  EXPECT_EQ(only(SnapshotBuilder(kHour, 1).site("lru_insert", lives).profile(), policy).grade, Grade::leak);
}

TEST(Verdict, IsToldInWorkTimeWhenTrafficFalls) {
  // 100 requests a second for half an hour, then 15: the leak keeps with each 100th request.
  const auto requests_at = [](double t) { return t < 1800 ? 100 * t : 180'000 + 15 * (t - 1800); };
  std::vector<Life> lives;
  for (double request = 0; request < requests_at(kHour); request += 100) {
    const double t = request < 180'000 ? request / 100 : 1800 + (request - 180'000) / 15;
    lives.push_back({t, kForEver, 1e4});
  }
  EXPECT_EQ(only(SnapshotBuilder(kHour, 1).work(requests_at).site("keep", lives).profile()).grade, Grade::leak);
}

TEST(Verdict, AGrowingBufferIsAGrowingContainer) {
  SnapshotBuilder builder(kHour, 1);
  std::vector<Life> lives;
  profile::SiteHistory* site = nullptr;
  for (int i = 0; i < 10; ++i) lives.push_back({i * 380.0, i == 9 ? kForEver : (i + 1) * 380.0, 65536.0 * (1 << i)});
  builder.site("grow", lives);
  site = &builder.profile().history->sites[0];
  for (int i = 0; i < 10; ++i) site->size_steps.push_back({static_cast<std::int64_t>(i * 380e9), std::uint64_t{65536} << i});
  const Finding f = only(builder.profile());
  EXPECT_EQ(f.grade, Grade::growing_container);
  EXPECT_NE(f.reason.find("32.0 MiB"), std::string::npos) << f.reason;
}

TEST(Verdict, TellsWhenTheLimitIsReached) {
  const Finding f = only(SnapshotBuilder(kHour, 1).site("keep", steady(400, 0, kHour, kForEver, 1e5)).profile(), {.limit_bytes = 440e6});
  ASSERT_TRUE(f.hours_to_limit);
  EXPECT_NEAR(*f.hours_to_limit, 10, 0.5);
}

TEST(Verdict, OnAProfileWithoutAgesIsInconclusive) {
  profile::Profile profile = SnapshotBuilder(kHour, 1).site("keep", steady(400, 0, kHour, kForEver, 1e5)).profile();
  profile.history.reset();
  const Diagnosis d = judge(profile);
  EXPECT_TRUE(d.inconclusive);
  EXPECT_FALSE(d.has_leak());
}

TEST(Verdict, OnAnEmptyProfileIsInconclusive) {
  EXPECT_TRUE(judge(profile::Profile{}).inconclusive);
  EXPECT_TRUE(judge(SnapshotBuilder(1, 1).profile()).inconclusive);
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

// ---- many processes: how often is a normal site called a leak, and a leak not found?

double uniform(base::Random& random) { return (static_cast<double>(random.next() >> 11) + 0.5) * 0x1.0p-53; }
double exponential(base::Random& random, double mean) { return -std::log(uniform(random)) * mean; }

// Births as a Poisson process of `rate` per second at second t, thinned from its maximum.
std::vector<Life> lives_of(base::Random& random, double uptime, double most, const std::function<double(double)>& rate,
                           const std::function<double(double)>& lifetime, double bytes) {
  std::vector<Life> lives;
  for (double t = exponential(random, 1 / most); t < uptime; t += exponential(random, 1 / most)) {
    if (uniform(random) * most > rate(t)) continue;
    lives.push_back({t, t + lifetime(t), bytes});
  }
  return lives;
}

// Only what would be sampled need be simulated: the sites' rates are those of samples.
std::vector<Life> normal_site(base::Random& random, int kind, double uptime, bool hard) {
  const double bytes = 64e3 + 1e6 * uniform(random);
  const double rate = 0.02 + 0.3 * uniform(random);
  const double scale = std::exp(std::log(0.01) + uniform(random) * (std::log(hard ? 900.0 : 120.0) - std::log(0.01)));
  const auto flat = [&](double) { return rate; };
  switch (kind % (hard ? 9 : 6)) {
    case 0: return lives_of(random, uptime, rate, flat, [&](double) { return exponential(random, scale); }, bytes);  // requests, sessions
    case 1: return lives_of(random, uptime, 4, [&](double t) { return t < 30 ? 4.0 : 0; }, [](double) { return 1e18; }, bytes);  // start-up
    case 2: return lives_of(random, uptime, rate, flat, [&](double) { return scale; }, bytes);  // TTL, full LRU
    case 3: return lives_of(random, uptime, rate, [&](double t) { return rate * std::exp(-t / 120); }, [](double) { return 1e18; }, bytes);  // warm-up
    case 4: {  // batches: all freed every so often
      const double every = 30 + 200 * uniform(random);
      return lives_of(random, uptime, rate, flat, [every](double t) { return every - std::fmod(t, every); }, bytes);
    }
    case 5:  // heavy tail
      return lives_of(random, uptime, rate, flat, [&](double) { return 0.05 * std::pow(uniform(random), -1 / 1.2); }, bytes);
    case 6:  // load ramps up, sessions of some minutes
      return lives_of(random, uptime, 3 * rate, [&](double t) { return rate * (1 + 2 * t / uptime); },
                      [&](double) { return exponential(random, scale); }, bytes);
    case 7: {  // a cache that is full after a third of the time and then turns over
      const double life = uptime / 3 * (0.3 + 0.7 * uniform(random));
      return lives_of(random, uptime, rate, flat, [life](double) { return life; }, bytes);
    }
    default:  // long sessions
      return lives_of(random, uptime, rate, flat, [&](double) { return 300 + exponential(random, 600); }, bytes);
  }
}

struct Score {
  double false_leaks_per_process = 0;
  double found = 0;  // share of processes whose leak was found
};

Score score(bool hard, int processes) {
  constexpr std::uint64_t kInterval = 512 * 1024;
  Score total;
  for (int process = 0; process < processes; ++process) {
    base::Random random(static_cast<std::uint64_t>(process) * 7919 + (hard ? 1 : 2));
    SnapshotBuilder builder(kHour, kInterval, random.next());
    for (int i = 0; i < 200; ++i) builder.site("normal_" + std::to_string(i), normal_site(random, i, kHour, hard));
    // 20 MB/h in blocks of 4 KB, thinned to what sampling would see.
    constexpr double kRate = 20e6 / kHour / 4096;
    builder.site("the_leak", lives_of(random, kHour, kRate, [](double) { return kRate; }, [](double) { return 1e18; }, 4096));
    for (const Finding& f : judge(builder.profile()).findings) {
      if (f.grade != Grade::leak) continue;
      (f.site.name().find("the_leak") != std::string::npos ? total.found : total.false_leaks_per_process) += 1;
    }
  }
  total.found /= processes;
  total.false_leaks_per_process /= processes;
  return total;
}

TEST(VerdictOverManyProcesses, RarelyCallsANormalSiteALeak) {
  const Score friendly = score(false, 40);
  const Score hard = score(true, 40);
  std::printf("friendly mix: %.3f false leaks per process, %.1f %% of leaks found\n", friendly.false_leaks_per_process, 100 * friendly.found);
  std::printf("hard mix:     %.3f false leaks per process, %.1f %% of leaks found\n", hard.false_leaks_per_process, 100 * hard.found);
  EXPECT_LE(friendly.false_leaks_per_process, 0.05);
  EXPECT_LE(hard.false_leaks_per_process, 0.5);
  EXPECT_GE(friendly.found, 0.95);
  EXPECT_GE(hard.found, 0.95);
}

}  // namespace
}  // namespace holdfast::diagnose
