// Every story, in each of its runs, against what its expect file says is true.
#include <gtest/gtest.h>

#include <cstdio>

#include "scenarios/judged.h"

namespace holdfast::testing {
namespace {

class Story : public ::testing::TestWithParam<Expectation> {};

TEST_P(Story, IsJudgedAsItsExpectFileSays) {
  const Expectation& expectation = GetParam();
  std::vector<std::string> arguments;
  if (expectation.fixed) arguments.push_back("--fixed");
  if (expectation.exact) {
    arguments.push_back("--exact");
  } else {
    arguments.insert(arguments.end(), {"--interval", "65536"});
  }
  ScenarioServer server("scenario_" + expectation.story, arguments);
  ASSERT_TRUE(server.serves());
  const std::uint64_t resident_before = server.resident_bytes();
  drive(server, expectation);
  const Verdict verdict = check(server.heap());
  const scenarios::Truth truth = server.truth();
  const double grown = static_cast<double>(server.resident_bytes()) - static_cast<double>(resident_before);

  EXPECT_EQ(verdict.exit_code, expectation.exit_code) << verdict.report.dump(2);
  ASSERT_FALSE(verdict.report.at("findings").empty() && expectation.exit_code != 0);
  if (expectation.exit_code == 1) {
    const nlohmann::json& first = verdict.report.at("findings").at(0);
    EXPECT_EQ(first.at("grade"), expectation.grade);
    EXPECT_TRUE(passes_through(first.at("site"), expectation.site)) << first.dump(2);
  } else {
    for (const nlohmann::json& finding : verdict.report.at("findings")) {
      EXPECT_NE(finding.at("grade"), "leak") << finding.dump(2);
    }
  }
  // What the leak holds is resident; what a control holds is not growing without end.
  if (expectation.rss_follows) {
    EXPECT_GT(grown, 0.8 * static_cast<double>(truth.bytes));
  } else {
    EXPECT_LT(grown, 64e6);
  }
  EXPECT_EQ(server.stop(), 0);
}

INSTANTIATE_TEST_SUITE_P(Of, Story, ::testing::ValuesIn(read_expectations({"router_closure", "lru_full", "warm_up"})),
                         [](const auto& test) { return test.param.story + "_" + test.param.run; });

}  // namespace
}  // namespace holdfast::testing
