#include "record/label_table.h"

#include <gtest/gtest.h>

#include <array>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

namespace holdfast::record {
namespace {

using Told = std::map<std::string, std::string>;

Told told(const LabelTable& table, LabelSetId id) {
  Told labels;
  table.each(id, [&](std::string_view key, std::string_view value) { labels.emplace(key, value); });
  return labels;
}

LabelSetId intern(LabelTable& table, const std::vector<LabelText>& labels) {
  return table.intern(labels.data(), static_cast<std::uint32_t>(labels.size()));
}

class LabelTableTest : public ::testing::Test {
 protected:
  std::unique_ptr<LabelTable> owned_ = std::make_unique<LabelTable>();
  LabelTable& table_ = *owned_;
};

TEST_F(LabelTableTest, GivesTheSameLabelsOneIdInWhateverOrder) {
  const LabelSetId id = intern(table_, {{"tenant", "acme"}, {"route", "/v1"}});
  EXPECT_NE(id, LabelSetId::none);
  EXPECT_EQ(intern(table_, {{"route", "/v1"}, {"tenant", "acme"}}), id);
  EXPECT_NE(intern(table_, {{"route", "acme"}, {"tenant", "/v1"}}), id);
  EXPECT_NE(intern(table_, {{"tenant", "acme"}}), id);
  EXPECT_EQ(told(table_, id), (Told{{"tenant", "acme"}, {"route", "/v1"}}));
  EXPECT_EQ(intern(table_, {}), LabelSetId::none);
  EXPECT_EQ(told(table_, LabelSetId::none), Told{});
  EXPECT_EQ(table_.folded(), 0u);
}

TEST_F(LabelTableTest, TheInnermostLabelOfAKeyCounts) {
  EXPECT_EQ(told(table_, intern(table_, {{"tenant", "inner"}, {"tenant", "outer"}})),
            (Told{{"tenant", "inner"}}));
}

TEST_F(LabelTableTest, ValuesBeyondTheLimitShareOneName) {
  table_.set_max_values(3);
  for (int i = 0; i < 1000; ++i) {
    const std::string value = "t" + std::to_string(i);
    EXPECT_EQ(told(table_, intern(table_, {{"tenant", value}})),
              (Told{{"tenant", i < 3 ? value : std::string(LabelTable::kOther)}}));
  }
  EXPECT_EQ(table_.folded(), 997u);
  // Another key has values of its own, and the known ones stay known.
  EXPECT_EQ(told(table_, intern(table_, {{"tenant", "t900"}, {"route", "/v1"}})),
            (Told{{"tenant", "(other)"}, {"route", "/v1"}}));
  EXPECT_EQ(told(table_, intern(table_, {{"tenant", "t2"}})), (Told{{"tenant", "t2"}}));
  table_.set_max_values(4);
  EXPECT_EQ(told(table_, intern(table_, {{"tenant", "late"}})), (Told{{"tenant", "late"}}));
  EXPECT_EQ(told(table_, intern(table_, {{"tenant", "later"}})), (Told{{"tenant", "(other)"}}));
}

TEST_F(LabelTableTest, SetsBeyondTheLimitKeepTheirKeys) {
  table_.set_max_values(LabelTable::kMaxValues);
  std::map<Told, LabelSetId> ids;
  for (int i = 0; i < 40'000; ++i) {
    const std::string a = std::to_string(i % 400), b = std::to_string(i / 400);
    const LabelSetId id = intern(table_, {{"a", a}, {"b", b}});
    ASSERT_NE(id, LabelSetId::none);
    ASSERT_LT(index(id), LabelTable::kMaxSets);
    ids.emplace(told(table_, id), id);
  }
  EXPECT_EQ(ids.size(), LabelTable::kMaxSets - 256);
  EXPECT_TRUE(ids.contains({{"a", "(other)"}, {"b", "(other)"}}));
  EXPECT_GT(table_.folded(), 20'000u);
}

TEST_F(LabelTableTest, KeysBeyondTheLimitAreLeftOut) {
  for (std::uint32_t i = 0; i < 2 * LabelTable::kMaxKeys; ++i) {
    const std::string key = "k" + std::to_string(i);
    EXPECT_EQ(intern(table_, {{key, "v"}}) != LabelSetId::none, i < LabelTable::kMaxKeys) << i;
  }
  EXPECT_EQ(told(table_, intern(table_, {{"k0", "v"}, {"new", "v"}})), (Told{{"k0", "v"}}));
}

TEST_F(LabelTableTest, KeysAreMadeFitForEveryClient) {
  EXPECT_EQ(told(table_, intern(table_, {{"pprof::base-x", "v"}})), (Told{{"pprof__base_x", "v"}}));
  EXPECT_EQ(told(table_, intern(table_, {{"1st\xff\n", "v"}})), (Told{{"_st__", "v"}}));
  EXPECT_EQ(told(table_, intern(table_, {{std::string(100, 'k'), std::string(1000, 'v')}})),
            (Told{{std::string(LabelTable::kKeyBytes, 'k'), std::string(LabelTable::kValueBytes, 'v')}}));
}

TEST_F(LabelTableTest, FilledByManyThreadsKeepsOneIdPerSet) {
  table_.set_max_values(LabelTable::kMaxValues);
  std::array<std::vector<LabelSetId>, 4> ids;
  std::vector<std::thread> threads;
  for (auto& mine : ids) {
    threads.emplace_back([&] {
      for (int i = 0; i < 5000; ++i) {
        const std::string a = std::to_string(i % 900), b = std::to_string(i % 7);
        mine.push_back(intern(table_, {{"a", a}, {"b", b}}));
      }
    });
  }
  for (std::thread& t : threads) t.join();
  for (const auto& other : ids) EXPECT_EQ(other, ids[0]);
  EXPECT_EQ(table_.folded(), 0u);
}

}  // namespace
}  // namespace holdfast::record
