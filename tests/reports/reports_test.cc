#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "diagnose/judge.h"
#include "reports/json.h"
#include "reports/text.h"
#include "support/snapshot_builder.h"

namespace holdfast::reports {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::Life;
using testing::SnapshotBuilder;

profile::Profile leaking() {
  std::vector<Life> lives, short_lives;
  for (int i = 0; i < 400; ++i) lives.push_back({i * 9.0, 1e18, 1e5});
  for (int i = 0; i < 3600; ++i) short_lives.push_back({i * 1.0, i + 20.0, 1e5});
  return SnapshotBuilder(3600, 1).site("keep(int)", lives).site("pass(int)", short_lives).profile();
}

TEST(TextReport, TellsTheVerdictItsRateAndItsEvidence) {
  const std::string text = render_text(diagnose::judge(leaking()));
  EXPECT_THAT(text, AllOf(HasSubstr("LEAK  keep(...)"), HasSubstr("/h"), HasSubstr("/request"), HasSubstr("old objects do not die: 0 of"),
                          HasSubstr("still growing:"), HasSubstr("1 leaking site")));
  EXPECT_THAT(text, Not(HasSubstr("TURNOVER")));
  EXPECT_THAT(render_text(diagnose::judge(leaking()), {.show_all = true}), HasSubstr("TURNOVER  pass(...)"));
}

TEST(TextReport, OfACleanHeapSaysSo) {
  EXPECT_THAT(render_text(diagnose::judge(SnapshotBuilder(3600, 1).site("f", {{1, 2, 10}, {1, 2, 10}, {1, 2, 10}, {1, 2, 10}, {1, 2, 10}}).profile())),
              HasSubstr("no leak found"));
}

TEST(TextReport, OfAnUnreadableHeapSaysWhatToDo) {
  const std::string text = render_text(diagnose::judge(profile::Profile{}));
  EXPECT_THAT(text, AllOf(HasSubstr("inconclusive"), HasSubstr("carries no ages")));
}

TEST(TextReport, OfADifferenceShowsBirthsAndDeaths) {
  const std::vector<Life> lives = {{1, 1e18, 1 << 20}, {2, 15, 4 << 20}, {12, 1e18, 8 << 20}};
  const std::string text = render_text(
      diagnose::compare(SnapshotBuilder(10, 1).site("f(int)", lives).profile(), SnapshotBuilder(20, 1).site("f(int)", lives).profile()), 10);
  EXPECT_THAT(text, AllOf(HasSubstr("+4.0 MiB"), HasSubstr("8.0 MiB"), HasSubstr("f(...)"), HasSubstr("1,000 requests")));
}

TEST(TopTable, OrdersByTheColumnAskedFor) {
  const std::vector<diagnose::Site> sites = diagnose::sites_of(leaking());
  const std::string by_use = render_top(sites, Column::inuse_space, 1, false, 3600);
  EXPECT_THAT(by_use, AllOf(HasSubstr("keep(...)"), Not(HasSubstr("pass(...)")), HasSubstr("1 more")));
  EXPECT_THAT(render_top(sites, Column::alloc_space, 1, false, 3600), HasSubstr("pass(...)"));
  EXPECT_THAT(render_top(sites, Column::unfreed, 9, true, 0), HasSubstr("100 %"));
}

TEST(JsonReport, HasTheFieldsThatProgramsRead) {
  const nlohmann::json json = nlohmann::json::parse(render_json(diagnose::judge(leaking()), {"a.pb.gz"}));
  EXPECT_EQ(json["schema"], "holdfast.check/1");
  EXPECT_EQ(json["verdict"], "leak");
  EXPECT_EQ(json["snapshots"][0], "a.pb.gz");
  EXPECT_EQ(json["interval"], 1);
  EXPECT_EQ(json["work"]["unit"], "requests");
  const nlohmann::json& finding = json["findings"][0];
  EXPECT_EQ(finding["grade"], "leak");
  EXPECT_EQ(finding["site"]["frames"][0]["function"], "keep(...)");
  EXPECT_EQ(finding["site"]["fingerprint"].get<std::string>().size(), 16u);
  EXPECT_NEAR(finding["rate"]["bytes_per_hour"].get<double>(), 4e7, 2e6);
  EXPECT_LT(finding["interval_95"]["bytes_per_hour"][0], finding["interval_95"]["bytes_per_hour"][1]);
  EXPECT_LT(finding["evidence"]["p_survive_leak"].get<double>(), 0.01);
}

TEST(JsonReport, KeepsItsFormWithNamesThatAreNoUtf8) {
  profile::Profile p = leaking();
  p.functions[0].name = "bad\xff\xfename";
  EXPECT_TRUE(nlohmann::json::accept(render_json(diagnose::judge(p), {"x"})));
}

}  // namespace
}  // namespace holdfast::reports
