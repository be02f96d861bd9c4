#include "snapshot/to_profile.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

namespace holdfast::snapshot {

volatile int frames_run = 0;
__attribute__((noinline)) void leaking_function() { frames_run = frames_run + 1; }
__attribute__((noinline)) void calling_function() { frames_run = frames_run + 2; }

namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;

template <typename Function>
std::uint64_t return_address(Function* function, std::uint64_t offset = 2) {
  return reinterpret_cast<std::uint64_t>(function) + offset;
}

FrozenSite site(std::vector<std::uint64_t> stack, double alloc_objects, double alloc_bytes,
                double inuse_objects, double inuse_bytes) {
  FrozenSite made;
  made.stack = std::move(stack);
  made.alloc_objects = alloc_objects;
  made.alloc_bytes = alloc_bytes;
  made.inuse_objects = inuse_objects;
  made.inuse_bytes = inuse_bytes;
  made.history.alloc_samples = 7;
  return made;
}

Frozen frozen(std::vector<FrozenSite> sites) {
  Frozen made;
  made.sites = std::move(sites);
  made.time_nanos = 1'700'000'000'000'000'000;
  made.interval_bytes = 524288;
  made.comments = {"recording for 5 min"};
  made.history.unwinder = "eh_frame";
  return made;
}

class ToProfile : public ::testing::Test {
 protected:
  profile::Profile make(const Frozen& from, const ProfileLimits& limits = {}) {
    return to_profile(from, symbolizer_, limits);
  }
  static std::string leaf_name(const profile::Profile& p, std::size_t sample) {
    return p.functions.at(p.locations.at(p.samples.at(sample).locations.at(0)).lines.at(0).function).name;
  }
  ModuleCache modules_;
  Symbolizer symbolizer_{modules_};
};

TEST_F(ToProfile, AlwaysHasTheFourSampleTypesWithInUseSpaceLast) {
  const auto p = make(frozen({}));
  EXPECT_THAT(
      p.sample_types,
      ElementsAre(profile::ValueType{"alloc_objects", "count"}, profile::ValueType{"alloc_space", "bytes"},
                  profile::ValueType{"inuse_objects", "count"}, profile::ValueType{"inuse_space", "bytes"}));
  EXPECT_EQ(p.default_sample_type, "inuse_space");
  EXPECT_EQ(to_profile(frozen({}), symbolizer_, {}, "alloc_space").default_sample_type, "alloc_space");
  EXPECT_EQ(p.period_type, (profile::ValueType{"space", "bytes"}));
  EXPECT_EQ(p.period, 524288);
  EXPECT_EQ(p.duration_nanos, 0);
  EXPECT_EQ(p.time_nanos, 1'700'000'000'000'000'000);
  EXPECT_THAT(p.comments, ElementsAre("recording for 5 min"));
}

TEST_F(ToProfile, GivesEachSetOfLabelsARowWithTheLabelsAsText) {
  FrozenSite labelled = site({return_address(&leaking_function)}, 2, 200, 2, 200);
  labelled.labels = {{"route", "/v1"}, {"tenant", "caf\xe9"}};
  const auto p = make(frozen({site({return_address(&leaking_function)}, 1, 100, 1, 100), labelled}));
  ASSERT_EQ(p.samples.size(), 2u);
  EXPECT_EQ(p.samples[0].locations, p.samples[1].locations);
  EXPECT_THAT(p.samples[0].labels,
              ElementsAre(profile::Label{"bytes", "", 100, "bytes"}, profile::Label{"route", "/v1", 0, ""},
                          profile::Label{"tenant", "caf\\xe9", 0, ""}));
  EXPECT_THAT(p.samples[1].labels, ElementsAre(profile::Label{"bytes", "", 100, "bytes"}));
}

TEST_F(ToProfile, RoundsTheValuesAndTellsTheMeanSize) {
  const auto p = make(frozen({site({return_address(&leaking_function)}, 3.4, 1001.6, 1.5, 499.5)}));
  ASSERT_EQ(p.samples.size(), 1u);
  EXPECT_THAT(p.samples[0].values, ElementsAre(3, 1002, 2, 500));
  ASSERT_EQ(p.samples[0].labels.size(), 1u);
  EXPECT_EQ(p.samples[0].labels[0], (profile::Label{"bytes", "", 295, "bytes"}));
}

TEST_F(ToProfile, DropsRowsOfNothingButZeros) {
  const auto p = make(frozen({site({return_address(&leaking_function)}, 0.2, 0.4, 0, 0),
                              site({return_address(&calling_function)}, 1, 10, 0, 0)}));
  ASSERT_EQ(p.samples.size(), 1u);
  EXPECT_THAT(p.samples[0].values, ElementsAre(1, 10, 0, 0));
}

TEST_F(ToProfile, NamesTheCallInsteadOfTheReturn) {
  // A call that never returns may be the last instruction of its function: the return address is the next
  // one's start.
  const std::uint64_t start = return_address(&leaking_function, 0);
  const auto p = make(frozen({site({start + 1, return_address(&calling_function)}, 1, 1, 1, 1)}));
  EXPECT_EQ(leaf_name(p, 0), "holdfast::snapshot::leaking_function()");
  EXPECT_EQ(p.locations.at(p.samples[0].locations[0]).address, start);
  EXPECT_EQ(p.samples[0].locations.size(), 2u);
}

TEST_F(ToProfile, PlacesEveryLocationInsideItsMappingWhichHasFunctions) {
  const auto p =
      make(frozen({site({return_address(&leaking_function), return_address(&::abort)}, 1, 1, 1, 1)}));
  for (const profile::Location& location : p.locations) {
    ASSERT_LT(location.mapping, p.mappings.size());
    EXPECT_GE(location.address, p.mappings[location.mapping].start);
    EXPECT_LT(location.address, p.mappings[location.mapping].limit);
    ASSERT_EQ(location.lines.size(), 1u);
    EXPECT_FALSE(p.functions.at(location.lines[0].function).name.empty());
  }
  for (const profile::Mapping& mapping : p.mappings) EXPECT_TRUE(mapping.has_functions) << mapping.file;
  EXPECT_THAT(p.mappings.at(0).file, HasSubstr("test_snapshot"));
}

TEST_F(ToProfile, ListsLocationsAndFunctionsOnce) {
  const std::uint64_t leaf = return_address(&leaking_function);
  const std::uint64_t root = return_address(&calling_function);
  const auto p = make(
      frozen({site({leaf, root}, 1, 1, 1, 1), site({leaf + 1, root}, 1, 1, 1, 1), site({root}, 1, 1, 1, 1)}));
  EXPECT_EQ(p.samples.size(), 3u);
  EXPECT_EQ(p.locations.size(), 3u);
  EXPECT_EQ(p.functions.size(), 2u);
}

TEST_F(ToProfile, PutsTheLargestInUseFirstAndItsHistoryBesideIt) {
  auto small = site({return_address(&calling_function)}, 1, 100, 1, 100);
  auto large = site({return_address(&leaking_function)}, 1, 900, 1, 900);
  large.history.alloc_samples = 42;
  const auto p = make(frozen({small, large}));
  ASSERT_EQ(p.samples.size(), 2u);
  EXPECT_EQ(leaf_name(p, 0), "holdfast::snapshot::leaking_function()");
  ASSERT_TRUE(p.history);
  EXPECT_EQ(p.history->unwinder, "eh_frame");
  ASSERT_EQ(p.history->sites.size(), 2u);
  EXPECT_EQ(p.history->sites[0].sample, 0u);
  EXPECT_EQ(p.history->sites[0].alloc_samples, 42u);
  EXPECT_EQ(p.history->sites[1].sample, 1u);
}

TEST_F(ToProfile, FoldsTheTailIntoOneVisibleRow) {
  std::vector<FrozenSite> sites;
  for (unsigned i = 0; i < 10; ++i) sites.push_back(site({0x1000 + i}, 2, 10.0 * i + 10, 1, 5.0 * i + 5));
  const auto p = make(frozen(sites), {.max_samples = 4});
  ASSERT_EQ(p.samples.size(), 4u);
  EXPECT_EQ(leaf_name(p, 3), "holdfast: 7 smaller sites folded");
  EXPECT_THAT(p.samples[3].values, ElementsAre(14, 280, 7, 140));
  EXPECT_THAT(p.comments.back(), HasSubstr("folded the 7 smallest of 10 sites into one row: 140 B in use"));
  EXPECT_EQ(p.history->sites.size(), 3u);
  EXPECT_EQ(make(frozen(sites), {.max_samples = 10}).samples.size(), 10u);
}

TEST_F(ToProfile, FoldsByEncodedSizeToo) {
  std::vector<FrozenSite> sites;
  for (unsigned i = 0; i < 1000; ++i) sites.push_back(site({0x100000 + i * 16ull}, 1, 10, 1, 10));
  const auto whole = make(frozen(sites), {.max_samples = 2000});
  const auto cut = make(frozen(sites), {.max_samples = 2000, .max_bytes = 60'000});
  EXPECT_EQ(whole.samples.size(), 1000u);
  EXPECT_LT(cut.samples.size(), 700u);
  EXPECT_GT(cut.samples.size(), 50u);
  std::int64_t objects = 0;
  for (const auto& sample : cut.samples) objects += sample.values[0];
  EXPECT_EQ(objects, 1000);
}

TEST_F(ToProfile, ShowsTheSiteOfAFullTableWithoutAHistory) {
  const auto p = make(frozen({site({}, 5, 50, 5, 50)}));
  ASSERT_EQ(p.samples.size(), 1u);
  EXPECT_EQ(leaf_name(p, 0), "holdfast: sites beyond the limit of the site table");
  EXPECT_TRUE(p.history->sites.empty());
}

TEST_F(ToProfile, KeepsAbsurdEstimatesInsideTheNumbers) {
  const double infinite = std::numeric_limits<double>::infinity();
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const auto p = make(frozen({site({0x10}, infinite, 1e300, nan, -5), site({0}, 1, 1, 1, 1)}));
  ASSERT_EQ(p.samples.size(), 2u);
  for (const auto& sample : p.samples) {
    for (std::int64_t value : sample.values) EXPECT_GE(value, 0);
  }
}

TEST(DropFrames, MatchTheAllocatorAndNothingOfTheProgram) {
  for (const char* name : {"malloc", "operator new", "operator new[]", "operator delete[]", "posix_memalign",
                           "operator new<Arena>"}) {
    EXPECT_THAT(name, MatchesRegex(kDropFrames));
  }
  for (const char* name :
       {"Pool::malloc", "malloc_pool", "Foo::operator new", "std::vector<int>::push_back"}) {
    EXPECT_THAT(name, Not(MatchesRegex(kDropFrames)));
  }
}

}  // namespace
}  // namespace holdfast::snapshot
