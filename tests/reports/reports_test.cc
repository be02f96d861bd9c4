#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "diagnose/judge.h"
#include "reports/json.h"
#include "reports/numbers.h"
#include "reports/text.h"
#include "support/snapshot_builder.h"

namespace holdfast::reports {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::Life;
using ::testing::Not;
using testing::SnapshotBuilder;

profile::Profile leaking() {
  std::vector<Life> lives, short_lives;
  for (int i = 0; i < 400; ++i) lives.push_back({i * 9.0, 1e18, 1e5});
  for (int i = 0; i < 3600; ++i) short_lives.push_back({i * 1.0, i + 20.0, 1e5});
  return SnapshotBuilder(3600, 1).site("keep(int)", lives).site("pass(int)", short_lives).profile();
}

TEST(TextReport, TellsTheVerdictItsRateAndItsEvidence) {
  const std::string text = render_text(diagnose::judge(leaking()));
  EXPECT_THAT(text, AllOf(HasSubstr("LEAK  keep(...)"), HasSubstr("/h"), HasSubstr("/request"),
                          HasSubstr("old objects do not die: 0 of"), HasSubstr("still growing:"),
                          HasSubstr("1 leaking site")));
  EXPECT_THAT(text, Not(HasSubstr("TURNOVER")));
  EXPECT_THAT(render_text(diagnose::judge(leaking()), {.show_all = true}), HasSubstr("TURNOVER  pass(...)"));
}

TEST(TextReport, OfACleanHeapSaysSo) {
  EXPECT_THAT(
      render_text(diagnose::judge(SnapshotBuilder(3600, 1)
                                      .site("f", {{1, 2, 10}, {1, 2, 10}, {1, 2, 10}, {1, 2, 10}, {1, 2, 10}})
                                      .profile())),
      HasSubstr("no leak found"));
}

TEST(TextReport, OfAnUnreadableHeapSaysWhatToDo) {
  const std::string text = render_text(diagnose::judge(profile::Profile{}));
  EXPECT_THAT(text, AllOf(HasSubstr("inconclusive"), HasSubstr("carries no ages")));
}

TEST(TextReport, OfADifferenceShowsBirthsAndDeaths) {
  const std::vector<Life> lives = {{1, 1e18, 1 << 20}, {2, 15, 4 << 20}, {12, 1e18, 8 << 20}};
  const std::string text =
      render_text(diagnose::compare(SnapshotBuilder(10, 1).site("f(int)", lives).profile(),
                                    SnapshotBuilder(20, 1).site("f(int)", lives).profile()),
                  10);
  EXPECT_THAT(text, AllOf(HasSubstr("+4.0 MiB"), HasSubstr("8.0 MiB"), HasSubstr("f(...)"),
                          HasSubstr("1,000 requests")));
}

TEST(TopTable, OrdersByTheColumnAskedFor) {
  const std::vector<diagnose::Site> sites = diagnose::sites_of(leaking());
  const std::string by_use = render_top(sites, Column::inuse_space, 1, false, 3600);
  EXPECT_THAT(by_use, AllOf(HasSubstr("keep(...)"), Not(HasSubstr("pass(...)")), HasSubstr("1 more")));
  EXPECT_THAT(render_top(sites, Column::alloc_space, 1, false, 3600), HasSubstr("pass(...)"));
  EXPECT_THAT(render_top(sites, Column::unfreed, 9, true, 0), HasSubstr("100 %"));
}

TEST(TextReport, ReadsAsTheDocumentationShows) {
  std::vector<Life> lives, garbage;
  for (int i = 0; i < 400; ++i) lives.push_back({i * 9.0, 1e18, 1 << 20});
  for (int i = 0; i < 3600; ++i) garbage.push_back({i * 1.0, i + 0.012, 1e5});
  SnapshotBuilder builder(3600, 1);
  builder.site("router::make_handler(int)::{lambda(int)#1}::operator()(int) const", lives)
      .site("pass(int)", garbage);
  builder.profile().samples[0].labels = {{"tenant", "acme", 0, ""}};
  builder.profile().functions[0].filename = "src/router.cc";
  builder.profile().locations[0].lines[0].line = 88;
  const diagnose::Policy policy{.limit_bytes = 2147483648.0};
  EXPECT_EQ(render_text(diagnose::judge(builder.profile(), policy)),
            R"(heap: 400 MiB in use, recorded for 1 h, 360,000 requests; every allocation counted

LEAK  router.cc:88  router::make_handler(...)::{lambda}   +401 MiB/h [358-448] = 1.1 KiB/request [1.0-1.3]   316 samples
  in use: 400 MiB in 400 blocks
  old objects do not die: 0 of 356 that reached 6.7 min were freed by 27 min
  still growing: 158 kept in the first half of the work, 158 in the second
  at this rate the 2.0 GiB limit is reached in ~4.1 h
  no leak if it is a cache still filling: then declare its bound
  labels: tenant=acme 100 %
  allocated in router::make_handler(...)::{lambda}  src/router.cc:88

1 leaking site
)");
}

TEST(TextReport, GathersThePartsThatLeakFromOneFunction) {
  std::vector<Life> bodies, nodes;
  for (int i = 0; i < 400; ++i)
    bodies.push_back({i * 9.0, 1e18, 1e5}), nodes.push_back({i * 9.0, 1e18, 5000});
  const std::string text = render_text(
      diagnose::judge(SnapshotBuilder(3600, 1).site("keep(int)", bodies).site("keep(int)", nodes).profile()));
  EXPECT_THAT(text, AllOf(HasSubstr("and with it, also LEAK: +1.9 MiB/h"), HasSubstr("2 leaking sites")));
  EXPECT_EQ(text.find("LEAK  keep"), text.rfind("LEAK  keep"));
}

TEST(TextReport, CannotMoveTheTerminalsCursor) {
  profile::Profile p = leaking();
  p.functions[0].name = "evil\x1b[2Jname\r";
  EXPECT_THAT(render_text(diagnose::judge(p)),
              AllOf(HasSubstr("evil?[2Jname"), Not(HasSubstr("\x1b")), Not(HasSubstr("\r"))));
}

TEST(TextReport, TellsOfBounds) {
  diagnose::Policy policy;
  policy.bounds = {{"keep", 1 << 20}, {"pass", 64 << 20}};
  EXPECT_THAT(render_text(diagnose::judge(leaking(), policy)),
              AllOf(HasSubstr("BOUND EXCEEDED  keep <= 1.0 MiB: 38 MiB in use"),
                    HasSubstr("bound holds  pass <= 64.0 MiB")));
}

TEST(TextReport, OfTwoProcessesShowsWhatEachKept) {
  profile::Profile a = leaking(), b = leaking();
  b.history->process_id = 43;
  for (profile::Cohort& c : b.history->sites[0].live) c.bytes *= 2, c.bytes_squared *= 4;
  EXPECT_THAT(render_text(diagnose::compare(a, b), 10),
              AllOf(HasSubstr("different processes"), HasSubstr("per request"), HasSubstr("kept before"),
                    HasSubstr("keep(...)")));
}

TEST(Numbers, ShareOneUnitWithTheirInterval) {
  EXPECT_EQ(bytes_with_interval({48.0 * (1 << 20), {33.0 * (1 << 20), 66.0 * (1 << 20)}}, "/h"),
            "48 MiB/h [33-66]");
  EXPECT_EQ(growth_with_interval({1024, {717, 1434}}), "+1.0 KiB [0.7-1.4]");
  EXPECT_EQ(growth_with_interval({-10, {-20, 5}}), "-10 B [-20 to 5]");
  EXPECT_EQ(bytes_with_interval({0, {0, 0}}), "0 B");
  EXPECT_EQ(bytes_with_interval({1234567, {1234567, 1234567}}), "1.2 MiB");
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
  EXPECT_EQ(finding["reason"], "survives_and_grows");
  EXPECT_TRUE(finding["holder"].is_null());
  for (const char* key : {"schema", "verdict", "snapshots", "interval", "uptime", "warm_up", "work", "memory",
                          "floor_bytes", "bounds", "notes", "counters", "findings"}) {
    EXPECT_TRUE(json.contains(key)) << key;
  }
  for (const char* key : {"grade", "reason", "explanation", "site", "in_use", "rate", "interval_95",
                          "samples", "evidence", "labels", "holder"}) {
    EXPECT_TRUE(finding.contains(key)) << key;
  }
}

TEST(JsonReport, OfASeriesHasItsPoints) {
  std::vector<Life> lives;
  for (int i = 0; i < 400; ++i) lives.push_back({i * 9.0, 1e18, 1e5});
  const diagnose::Diagnosis d =
      diagnose::judge({SnapshotBuilder(1800, 1).site("keep(int)", lives).profile(),
                       SnapshotBuilder(3600, 1).site("keep(int)", lives).profile()});
  const nlohmann::json finding = nlohmann::json::parse(render_json(d, {"a", "b"}))["findings"][0];
  EXPECT_EQ(finding["growth"]["value"], 1.99e7);
  EXPECT_EQ(finding["series"].size(), 2u);
  EXPECT_EQ(finding["series"][1][0], 3600);
}

TEST(JsonReport, OfADifferenceNamesItsBasis) {
  profile::Profile a = leaking(), b = leaking();
  EXPECT_EQ(nlohmann::json::parse(render_json(diagnose::compare(a, b), {"a", "b"}))["basis"],
            "births_and_deaths");
  b.history->process_id = 43;
  EXPECT_EQ(nlohmann::json::parse(render_json(diagnose::compare(a, b), {"a", "b"}))["basis"], "rates");
}

TEST(JsonReport, KeepsItsFormWithNamesThatAreNoUtf8) {
  profile::Profile p = leaking();
  p.functions[0].name = "bad\xff\xfename";
  EXPECT_TRUE(nlohmann::json::accept(render_json(diagnose::judge(p), {"x"})));
}

}  // namespace
}  // namespace holdfast::reports
