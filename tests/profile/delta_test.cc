#include "profile/delta.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <limits>

namespace holdfast::profile {
namespace {

using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;

constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();

// One row per (address, value); address 0 is a frame with a name only.
struct Row {
  std::uint64_t address;
  std::int64_t value;
  std::string name = "function";
};

Profile profile_of(const std::vector<Row>& rows, std::int64_t time_nanos = 0) {
  Profile p;
  p.sample_types = {{"inuse_space", "bytes"}};
  p.mappings = {{.start = 0x1000, .limit = 0x9000, .offset = 0, .file = "/bin/server", .build_id = {}}};
  p.time_nanos = time_nanos;
  p.history.emplace();
  for (const Row& row : rows) {
    const auto index = static_cast<std::uint32_t>(p.locations.size());
    p.functions.push_back({.name = row.name, .system_name = row.name, .filename = {}});
    p.locations.push_back(
        {.mapping = row.address == 0 ? kNoMapping : 0, .address = row.address, .lines = {{index, 0}}});
    p.samples.push_back({.locations = {index}, .values = {row.value}, .labels = {}});
  }
  return p;
}

std::vector<std::pair<std::uint64_t, std::int64_t>> rows_of(const Profile& p) {
  std::vector<std::pair<std::uint64_t, std::int64_t>> rows;
  for (const Sample& s : p.samples)
    rows.emplace_back(p.locations.at(s.locations.at(0)).address, s.values.at(0));
  return rows;
}

TEST(Delta, SubtractsRowByRowAndLeavesOutWhatDidNotChange) {
  const auto result = delta(profile_of({{0x1000, 10}, {0x2000, 5}}, 100),
                            profile_of({{0x2000, 5}, {0x1000, 4}, {0x3000, 7}}, 350));
  ASSERT_TRUE(result);
  EXPECT_THAT(rows_of(*result), UnorderedElementsAre(std::pair(0x1000, -6), std::pair(0x3000, 7)));
  EXPECT_EQ(result->duration_nanos, 250);
  EXPECT_EQ(result->time_nanos, 350);
  EXPECT_FALSE(result->history);
}

TEST(Delta, ShowsRowsThatVanishedAsNegativeWithTheirFrames) {
  const auto result = delta(profile_of({{0x5000, 9, "gone"}}), profile_of({{0x1000, 1}}));
  ASSERT_TRUE(result);
  ASSERT_THAT(rows_of(*result), ElementsAre(std::pair(0x1000, 1), std::pair(0x5000, -9)));
  const Location& location = result->locations.at(result->samples[1].locations[0]);
  EXPECT_EQ(result->functions.at(location.lines.at(0).function).name, "gone");
  EXPECT_EQ(result->mappings.at(location.mapping).file, "/bin/server");
  EXPECT_EQ(result->mappings.size(), 1u);
}

TEST(Delta, TellsRowsApartByStringLabelsButNotByNumbers) {
  Profile before = profile_of({{0x1000, 10}});
  Profile after = profile_of({{0x1000, 14}, {0x1000, 3}});
  before.samples[0].labels = {{"bytes", "", 100, "bytes"}};
  after.samples[0].labels = {{"bytes", "", 120, "bytes"}};  // a mean, which moves
  after.samples[1].labels = {{"tenant", "blue", 0, ""}};
  const auto result = delta(before, after);
  ASSERT_TRUE(result);
  EXPECT_THAT(rows_of(*result), UnorderedElementsAre(std::pair(0x1000, 4), std::pair(0x1000, 3)));
}

TEST(Delta, TakesTheFoldedRowForTheSameHoweverManySitesAreInIt) {
  const auto result =
      delta(profile_of({{0, 100, "holdfast: 7 smaller sites folded"}, {0, 5, "holdfast: sites beyond"}}),
            profile_of({{0, 130, "holdfast: 12 smaller sites folded"}, {0, 5, "holdfast: sites beyond"}}));
  ASSERT_TRUE(result);
  EXPECT_THAT(rows_of(*result), ElementsAre(std::pair(0, 30)));
}

TEST(Delta, StaysInsideTheNumbers) {
  const auto result = delta(profile_of({{0x1000, -kMost}, {0x2000, kMost}, {0x2000, kMost}}, -kMost),
                            profile_of({{0x1000, kMost}, {0x2000, -kMost}}, kMost));
  ASSERT_TRUE(result);
  EXPECT_EQ(result->samples.at(0).values.at(0), kMost);
  EXPECT_EQ(result->samples.at(1).values.at(0), std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(result->duration_nanos, kMost);
}

TEST(Delta, RefusesProfilesOfDifferentKinds) {
  Profile other = profile_of({});
  other.sample_types[0].type = "alloc_space";
  EXPECT_FALSE(delta(profile_of({}), other));
}

}  // namespace
}  // namespace holdfast::profile
