#include <gtest/gtest.h>

#include <cstdio>
#include <ctime>

#include "diagnose/judge.h"

namespace holdfast::diagnose {
namespace {

// 100,000 stacks of 30 frames over 20,000 locations and 5,000 functions, as a large server has them.
profile::Profile large_profile() {
  profile::Profile p;
  p.sample_types = {{"alloc_objects", "count"},
                    {"alloc_space", "bytes"},
                    {"inuse_objects", "count"},
                    {"inuse_space", "bytes"}};
  p.period = 65536;
  p.mappings.push_back({0x1000, 0x10000000, 0, "/opt/server", "abcd", true, false, false, false});
  for (std::uint32_t i = 0; i < 5000; ++i) {
    p.functions.push_back({"app::module_" + std::to_string(i % 50) + "::Handler<std::string, int>::step_" +
                               std::to_string(i) + "(int)",
                           "", "", 0});
  }
  for (std::uint32_t i = 0; i < 20'000; ++i)
    p.locations.push_back({0, 0x1000 + 16ull * i, {{i % 5000, 0}}, false});
  profile::HeapHistory history;
  history.uptime_ns = 3'600'000'000'000;
  history.work_unit = "requests";
  history.work = {{0, 0}, {3'600'000'000'000, 1e6}};
  history.intervals = {{0, 65536}};
  std::uint64_t state = 1;
  const auto next = [&] { return (state = state * 6364136223846793005ull + 1442695040888963407ull) >> 33; };
  for (std::uint32_t i = 0; i < 100'000; ++i) {
    profile::Sample sample;
    for (int depth = 0; depth < 30; ++depth)
      sample.locations.push_back(static_cast<std::uint32_t>(next() % 20'000));
    sample.values = {100, 6'553'600, 10, 655'360};
    p.samples.push_back(std::move(sample));
    profile::SiteHistory site;
    site.sample = i;
    site.alloc_samples = 100;
    site.freed_samples = 90;
    site.lifetimes = {{40, 50}, {60, 30}, {90, 10}};
    for (int k = 0; k < 10; ++k)
      site.live.push_back(
          {static_cast<std::int64_t>(next() % 3600) * 1'000'000'000, 1, 256, 65536, 65536.0 * 65536, 4e9});
    history.sites.push_back(std::move(site));
  }
  p.history = std::move(history);
  return p;
}

TEST(Judge, JudgesAHundredThousandSitesAndPrintsItsTime) {
  const profile::Profile profile = large_profile();
  const std::clock_t start = std::clock();
  const Diagnosis d = judge(profile);
  const double seconds = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  EXPECT_EQ(d.findings.size(), 100'000u);
  std::printf("judged 100,000 sites in %.3f s of processor time\n", seconds);
}

}  // namespace
}  // namespace holdfast::diagnose
