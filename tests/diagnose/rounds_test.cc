// The verdict of a CI run on rounds whose truth is known, and how often it errs over many simulated runs.
#include "diagnose/rounds.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <functional>

#include "base/random.h"
#include "support/snapshot_builder.h"

namespace holdfast::diagnose {
namespace {

using holdfast::testing::Life;
using holdfast::testing::SnapshotBuilder;

// A second of simulated time is a round.
constexpr int kWarmUp = 2, kMeasured = 9, kConfirming = 9;
constexpr double kEnd = kWarmUp + kMeasured + kConfirming;
constexpr double kForEver = 1e18;

struct SimulatedSite {
  std::string name;
  std::vector<Life> lives;
};

// The run of a program as its snapshots tell it.
class SimulatedRun {
 public:
  SimulatedRun(std::uint64_t interval, double requests_per_round)
      : interval_(interval), requests_(requests_per_round) {}

  // Each life is sampled once, so that all snapshots agree.
  void add(const std::string& name, const std::vector<Life>& lives, base::Random& random) {
    SimulatedSite& site = sites_.emplace_back();
    site.name = name;
    for (const Life& life : lives) {
      const double p = interval_ <= 1 ? 1 : -std::expm1(-life.bytes / static_cast<double>(interval_));
      if (static_cast<double>(random.next() >> 11) * 0x1.0p-53 < p) site.lives.push_back(life);
    }
  }

  profile::Profile snapshot(double time) const {
    SnapshotBuilder builder(time, interval_);
    for (const SimulatedSite& site : sites_) builder.sampled_site(site.name, site.lives);
    return std::move(builder.profile());
  }

  Stretch stretch(int from, int rounds) const {
    const int older = (rounds - 1) / 2, younger = rounds - 1 - older;
    return {snapshot(from),          snapshot(from + older), snapshot(from + rounds - 1),
            snapshot(from + rounds), older * requests_,      younger * requests_};
  }

  Diagnosis judge(bool confirm, const RoundsPolicy& policy = {}) const {
    const Stretch measured = stretch(kWarmUp, kMeasured);
    if (!confirm) return judge_rounds(measured, nullptr, policy);
    const Stretch confirming = stretch(kWarmUp + kMeasured, kConfirming);
    return judge_rounds(measured, &confirming, policy);
  }

 private:
  std::uint64_t interval_;
  double requests_;
  std::vector<SimulatedSite> sites_;
};

// One object each `every` rounds, from `from` until `until`.
std::vector<Life> kept(double every, double bytes, double from = 0, double until = kEnd) {
  std::vector<Life> lives;
  for (double t = from + every / 2; t < until; t += every) lives.push_back({t, kForEver, bytes});
  return lives;
}

Diagnosis judged(const std::vector<Life>& lives, bool confirm = true, const RoundsPolicy& policy = {}) {
  base::Random random(1);
  SimulatedRun run(1, 1000);
  run.add("site", lives, random);
  return run.judge(confirm, policy);
}

TEST(Rounds, WhatEachRequestKeepsIsALeakWithItsRate) {
  const Diagnosis d = judged(kept(0.001, 1024));
  ASSERT_EQ(d.findings.size(), 1u);
  EXPECT_EQ(d.findings[0].grade, Grade::leak);
  EXPECT_EQ(d.findings[0].reason, Reason::grows_every_half);
  EXPECT_NEAR(d.findings[0].bytes_per_work->value, 1024, 1);
  EXPECT_LT(d.findings[0].bytes_per_work->interval.lower, 1024);
  EXPECT_GT(d.findings[0].bytes_per_work->interval.upper, 1024);
  EXPECT_EQ(d.outcome(), Outcome::leak);
}

TEST(Rounds, WhatIsBuiltInTheWarmUpIsNot) { EXPECT_EQ(judged(kept(0.001, 1024, 0, 2)).findings.size(), 0u); }

TEST(Rounds, WhatStopsGrowingHalfwayFades) {
  const Diagnosis d = judged(kept(0.001, 1024, 0, 6.5));
  ASSERT_EQ(d.findings.size(), 1u);
  EXPECT_EQ(d.findings[0].reason, Reason::fades);
  EXPECT_EQ(d.outcome(), Outcome::clean);
}

TEST(Rounds, WhatStopsBeforeItIsConfirmedIsNoLeak) {
  const std::vector<Life> lives = kept(0.001, 1024, 0, 11.5);
  EXPECT_EQ(judged(lives, false).outcome(), Outcome::leak);
  const Diagnosis d = judged(lives);
  EXPECT_EQ(d.findings[0].reason, Reason::not_confirmed);
  EXPECT_EQ(d.outcome(), Outcome::clean);
}

TEST(Rounds, WhatReplacesWhatWasThereDoesNotGrow) {
  std::vector<Life> lives;
  for (int i = 0; i < 8000; ++i) lives.push_back({0.0002 * i, 2 + 0.002 * i, 500});
  for (double t = 2; t < kEnd; t += 0.002) lives.push_back({t, t + 16, 500});
  EXPECT_EQ(judged(lives).outcome(), Outcome::clean);
}

TEST(Rounds, FewOrSmallOnesAreWithinReason) {
  EXPECT_EQ(judged(kept(1.2, 100'000)).findings[0].reason, Reason::too_few_samples);
  EXPECT_EQ(judged(kept(0.02, 50)).findings[0].reason, Reason::within_budget);
  EXPECT_EQ(judged(kept(0.02, 50), true, {.budget_bytes_per_work = 1}).outcome(), Outcome::leak);
}

TEST(Rounds, ABoundIsCheckedAsElsewhere) {
  const Diagnosis within = judged(kept(0.01, 100), true, {.bounds = {{"site", 1e6}}});
  EXPECT_EQ(within.outcome(), Outcome::clean);
  EXPECT_EQ(within.findings[0].reason, Reason::within_bound);
  EXPECT_EQ(judged(kept(0.01, 100), true, {.bounds = {{"site", 1e3}}}).outcome(), Outcome::leak);
}

TEST(Rounds, AFloorAboveTheBudgetIsInconclusive) {
  base::Random random(1);
  SimulatedRun run(65536, 1000);
  run.add("site", {}, random);
  EXPECT_EQ(run.judge(false).outcome(), Outcome::inconclusive);
  EXPECT_NEAR(run.judge(false).rounds->floor_bytes_per_work, 149.9, 0.1);
  EXPECT_EQ(run.judge(false, {.budget_bytes_per_work = 150}).outcome(), Outcome::clean);
}

TEST(Rounds, AProfileWithoutAgesShowsASuspectAtMost) {
  base::Random random(1);
  SimulatedRun run(1, 1000);
  run.add("site", kept(0.001, 1024), random);
  Stretch measured = run.stretch(kWarmUp, kMeasured),
          confirming = run.stretch(kWarmUp + kMeasured, kConfirming);
  for (Stretch* s : {&measured, &confirming}) {
    for (profile::Profile* p : {&s->base, &s->middle, &s->end, &s->guarded}) p->history.reset();
  }
  const Diagnosis d = judge_rounds(measured, &confirming);
  ASSERT_EQ(d.findings.size(), 1u);
  EXPECT_EQ(d.findings[0].grade, Grade::suspect);
  EXPECT_EQ(d.outcome(), Outcome::inconclusive);
}

// A program of 40 places that are no leaks, each of a story that has fooled simpler rules, under the same
// 5000 requests each round; objects per round are thinned to keep the test short.
class NormalSites {
 public:
  explicit NormalSites(std::uint64_t seed) : random_(seed) {}

  std::vector<Life> site(int kind) {
    std::vector<Life> lives;
    const double per_round = std::exp(uniform(std::log(20), std::log(400)));
    const double bytes = std::exp(uniform(std::log(32), std::log(64 * 1024)));
    const auto steady = [&](const std::function<double(double)>& death) {
      for (double t = exponential() / per_round; t < kEnd; t += exponential() / per_round)
        lives.push_back({t, death(t), bytes});
    };
    switch (kind % 8) {
      case 0:  // requests
        steady([&](double t) { return t + 0.01 * exponential(); });
        break;
      case 1: {  // entries with a time to live, of up to three rounds
        const double ttl = uniform(0.05, 3);
        steady([&](double t) { return t + ttl; });
        break;
      }
      case 2: {  // sessions
        const double mean = uniform(0.05, 2);
        steady([&](double t) { return t + mean * exponential(); });
        break;
      }
      case 3: {  // a cache that fills for a while, then turns over
        const double full = uniform(0.5, 14);
        steady([&](double t) { return t + full; });
        break;
      }
      case 4: {  // batches, flushed every so often
        const double every = uniform(0.3, 5);
        steady([&](double t) { return t + every - std::fmod(t, every); });
        break;
      }
      case 5: {  // a cache of the same keys: made once, some renewed
        const double tau = uniform(0.1, 1.5);
        for (int i = 0; i < 5 * per_round; ++i) lives.push_back({tau * exponential(), kForEver, bytes});
        break;
      }
      case 6:  // a pool that grows when load peaks, now and then
        for (double t = exponential(); t < kEnd; t += 3 * exponential())
          lives.push_back({t, kForEver, bytes});
        break;
      default: {  // tables, reloaded a few times
        const double every = uniform(2, 9);
        for (double t = 0; t < kEnd; t += every) {
          for (int i = 0; i < 100; ++i) lives.push_back({t + 0.001 * i, t + every, bytes});
        }
      }
    }
    return lives;
  }

  base::Random& random() { return random_; }

 private:
  double uniform(double from, double to) {
    return from + (to - from) * (static_cast<double>(random_.next() >> 11) + 0.5) * 0x1.0p-53;
  }
  double exponential() { return -std::log(uniform(0, 1)); }

  base::Random random_;
};

struct LeakStory {
  const char* name;
  double every;  // rounds
  double bytes;
};
constexpr double kRequests = 5000;
constexpr LeakStory kLeaks[] = {{"1 KB each request", 1 / kRequests, 1000},
                                {"64 B each request", 1 / kRequests, 64},
                                {"1 KB each 100 requests", 100 / kRequests, 1000},
                                {"64 KB each 1000 requests", 1000 / kRequests, 64'000}};

TEST(RoundsOverManyRuns, FlagNoPlaceThatIsNone) {
  constexpr int kRuns = 100, kSites = 40;
  int false_sites = 0, unconfirmed = 0;
  for (std::uint64_t seed = 1; seed <= kRuns; ++seed) {
    NormalSites normal(seed);
    SimulatedRun run(1, kRequests);
    for (int i = 0; i < kSites; ++i) run.add("normal_" + std::to_string(i), normal.site(i), normal.random());
    for (const Finding& f : run.judge(false).findings) unconfirmed += f.grade == Grade::leak;
    for (const Finding& f : run.judge(true).findings) {
      if (f.grade != Grade::leak) continue;
      ++false_sites;
      std::printf("seed %d: %s %s\n", static_cast<int>(seed), f.site.name().c_str(), f.facts[0].c_str());
    }
  }
  std::printf("%d runs of %d normal sites: %d false without confirming, %d with\n", kRuns, kSites,
              unconfirmed, false_sites);
  EXPECT_EQ(false_sites, 0);
}

TEST(RoundsOverManyRuns, FindEveryLeak) {
  for (const LeakStory& leak : kLeaks) {
    const int runs = leak.every < 0.001 ? 3 : 100;
    int found = 0;
    for (int seed = 1; seed <= runs; ++seed) {
      base::Random random(static_cast<std::uint64_t>(seed));
      SimulatedRun run(1, kRequests);
      run.add("the_leak", kept(leak.every, leak.bytes), random);
      found += run.judge(true).has_leak();
    }
    std::printf("%s: found in %d of %d runs\n", leak.name, found, runs);
    EXPECT_EQ(found, runs) << leak.name;
  }
}

}  // namespace
}  // namespace holdfast::diagnose
