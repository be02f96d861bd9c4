#include "diagnose/baseline.h"

#include <gtest/gtest.h>

#include "diagnose/judge.h"
#include "support/snapshot_builder.h"

namespace holdfast::diagnose {
namespace {

using holdfast::testing::Life;
using holdfast::testing::SnapshotBuilder;

std::vector<Life> leak(double every, double bytes) {
  std::vector<Life> lives;
  for (double t = 0; t < 3600; t += every) lives.push_back({t, 1e18, bytes});
  return lives;
}

std::vector<Life> turnover() {
  std::vector<Life> lives;
  for (double t = 0; t < 3600; t += 2) lives.push_back({t, t + 20, 1000});
  return lives;
}

Diagnosis program(const std::vector<std::pair<std::string, std::vector<Life>>>& sites) {
  SnapshotBuilder builder(3600, 1);
  for (const auto& [name, lives] : sites) builder.site(name, lives);
  return judge(builder.profile());
}

const Finding& finding(const Diagnosis& d, const std::string& name) {
  for (const Finding& f : d.findings) {
    if (f.site.name().find(name) != std::string::npos) return f;
  }
  throw std::runtime_error("no finding " + name);
}

// Through its file, as the tool has it.
Baseline baseline_of(const Diagnosis& d) {
  auto read = parse_baseline(encode(make_baseline(d)), "file");
  return read.value();
}

TEST(Baseline, WhatItKnowsFailsNoMore) {
  Diagnosis d = program({{"old_leak", leak(2, 1000)}});
  const Baseline baseline = baseline_of(d);
  ASSERT_EQ(baseline.sites.size(), 1u);
  EXPECT_EQ(d.outcome(), Outcome::leak);
  compare_with(baseline, d);
  EXPECT_EQ(finding(d, "old_leak").baseline, BaselineState::same);
  EXPECT_EQ(d.outcome(), Outcome::clean);
}

TEST(Baseline, WhatIsNewOrWorseFails) {
  const Baseline baseline = baseline_of(program({{"old_leak", leak(2, 1000)}}));
  Diagnosis d = program({{"old_leak", leak(2, 1000)}, {"new_leak", leak(3, 1000)}});
  compare_with(baseline, d);
  EXPECT_EQ(finding(d, "old_leak").baseline, BaselineState::same);
  EXPECT_EQ(finding(d, "new_leak").baseline, BaselineState::is_new);
  EXPECT_EQ(d.outcome(), Outcome::leak);

  Diagnosis worse = program({{"old_leak", leak(1, 1000)}});
  compare_with(baseline, worse);
  EXPECT_EQ(finding(worse, "old_leak").baseline, BaselineState::worse);
  EXPECT_EQ(worse.outcome(), Outcome::leak);

  Diagnosis about_the_same = program({{"old_leak", leak(1.97, 1000)}});
  compare_with(baseline, about_the_same);
  EXPECT_EQ(about_the_same.outcome(), Outcome::clean);
}

TEST(Baseline, WhatIsFixedOrGoneIsTold) {
  const Baseline baseline = baseline_of(program({{"fixed", leak(2, 1000)}, {"absent", leak(2, 1000)}}));
  Diagnosis d = program({{"fixed", turnover()}, {"other", turnover()}});
  compare_with(baseline, d);
  ASSERT_EQ(d.gone.size(), 2u);
  for (const BaselineChange& change : d.gone) EXPECT_EQ(change.is_fixed, change.site.starts_with("fixed"));
  EXPECT_EQ(d.outcome(), Outcome::clean);
}

TEST(Baseline, SurvivesAnotherBuild) {
  const Baseline baseline = baseline_of(program({{"app::leak(std::__cxx11::string)", leak(2, 1000)}}));
  SnapshotBuilder other(3600, 1);
  other.site("app::leak(std::string) [clone .cold]", leak(2, 1000));
  other.profile().mappings[0] = {0x7000, 0x90000, 0, "/opt/other", "ef", true, false, false, false};
  other.profile().locations[0].address = 0x7777;
  Diagnosis d = judge(other.profile());
  compare_with(baseline, d);
  EXPECT_EQ(d.outcome(), Outcome::clean);
}

TEST(Baseline, ABrokenFileIsRefused) {
  const std::string whole = encode(make_baseline(program({{"old_leak", leak(2, 1000)}})));
  EXPECT_TRUE(parse_baseline(whole, "f").ok());
  for (std::size_t length = 0; length + 2 < whole.size(); length += 7)
    EXPECT_FALSE(parse_baseline(whole.substr(0, length), "f").ok()) << length;
  EXPECT_EQ(parse_baseline("[]", "f").error().what, "f is no baseline");
  EXPECT_EQ(parse_baseline(R"({"schema": "holdfast.baseline/1"})", "f").error().what, "f is no baseline");
  EXPECT_FALSE(
      parse_baseline(R"({"schema": "holdfast.baseline/1", "work_unit": "", "sites": [{"fingerprint": 1}]})",
                     "f")
          .ok());
}

}  // namespace
}  // namespace holdfast::diagnose
