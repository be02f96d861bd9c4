#include "diagnose/policy.h"

#include <gtest/gtest.h>

namespace holdfast::diagnose {
namespace {

TEST(Pattern, IsReadAsLeakSanitizerReadsIt) {
  EXPECT_TRUE(matches("insert", "app::Cache::insert(...)"));
  EXPECT_TRUE(matches("Cache*insert", "app::Cache<...>::insert(...)"));
  EXPECT_TRUE(matches("^app::", "app::Cache::insert"));
  EXPECT_FALSE(matches("^Cache", "app::Cache::insert"));
  EXPECT_TRUE(matches("insert$", "app::Cache::insert"));
  EXPECT_FALSE(matches("Cache$", "app::Cache::insert"));
  EXPECT_TRUE(matches("^a*b*c$", "a-b-b-c"));
  EXPECT_FALSE(matches("", "anything"));
  EXPECT_TRUE(matches("*", "anything"));
}

TEST(Pattern, WithManyStarsIsStillFast) {
  std::string pattern;
  for (int i = 0; i < 50; ++i) pattern += "*a";
  EXPECT_FALSE(matches(pattern + "b", std::string(5000, 'a')));
}

TEST(Bound, IsAPatternAndASize) {
  const auto bound = parse_bound(" LruCache::insert  <= 64 MiB");
  ASSERT_TRUE(bound);
  EXPECT_EQ(bound->pattern, "LruCache::insert");
  EXPECT_EQ(bound->bytes, 64 << 20);
  ASSERT_TRUE(parse_bound("operator<<=1MiB"));
  EXPECT_EQ(parse_bound("operator<<=1MiB")->pattern, "operator<");
}

TEST(Bound, ThatIsNoneSaysHowToWriteIt) {
  for (const char* text : {"", "insert", "<= 64MiB", "   <= 1", "insert <= ", "insert <= many"}) {
    const auto bound = parse_bound(text);
    ASSERT_FALSE(bound) << text;
    EXPECT_FALSE(bound.error().what.empty());
  }
}

}  // namespace
}  // namespace holdfast::diagnose
