// Tests that leak and tests that do not; build.sh says which must fail.
#include <gtest/gtest.h>
#include <holdfast/gtest.h>
#include <holdfast/holdfast.h>

#include <cstring>
#include <deque>
#include <memory>
#include <string>
#include <vector>

namespace {

std::vector<std::unique_ptr<char[]>> kept;

TEST(Clean, GivesBackWhatItTook) {
  for (int i = 0; i < 100; ++i) EXPECT_EQ(std::string(1000, 'x').size(), 1000u);
}

TEST(Clean, ARoundThatKeepsNothing) { HOLDFAST_EXPECT_NO_GROWTH(50, std::string(1000, 'x')); }

TEST(Clean, AQueueThatIsFull) {
  std::deque<std::string> newest;
  HOLDFAST_EXPECT_NO_GROWTH(50, {
    newest.emplace_back(500, 'x');
    if (newest.size() > 80) newest.pop_front();
  });
}

TEST(Clean, WithinItsBudget) {
  HOLDFAST_EXPECT_GROWTH_WITHIN(50, 200, kept.push_back(std::make_unique<char[]>(100)));
}

TEST(Leaking, AKilobyteEachCall) {
  HOLDFAST_EXPECT_NO_GROWTH(50, kept.push_back(std::make_unique<char[]>(1024)));
}

TEST(Leaking, OnceInATest) { kept.push_back(std::make_unique<char[]>(100'000)); }

}  // namespace

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  kept.reserve(100'000);
  const auto heap = holdfast::Session::open({.exact = true});
  if (!heap) return 2;
  holdfast::append_heap_listener(
      {.fail = argc > 1 && std::strcmp(argv[1], "fail") == 0, .budget_bytes = 50'000});
  return RUN_ALL_TESTS();
}
