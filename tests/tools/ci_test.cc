// `holdfast ci` from end to end, on a server whose behaviour is known.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "support/http_server.h"
#include "support/raw_server.h"
#include "support/temporary.h"
#include "tools/tool.h"

namespace holdfast {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::Outcome;
using ::testing::StartsWith;

class Ci : public ::testing::Test {
 protected:
  // `holdfast ci` on the server with `behaviour`, driven with 200 requests a round.
  Outcome ci(std::vector<std::string> flags, const std::vector<std::string>& behaviour) {
    return ci(std::string(ROUNDS_PROGRAM) + " send " + socket() + " 200", std::move(flags), behaviour);
  }

  Outcome ci(const std::string& drive, std::vector<std::string> flags,
             const std::vector<std::string>& behaviour) {
    std::vector<std::string> words = {"ci",      "--warm-up",          "1", "--drive", drive,
                                      "--ready", "test -S " + socket()};
    if (std::ranges::find(flags, "--rounds") == flags.end()) words.insert(words.end(), {"--rounds", "5"});
    words.insert(words.end(), flags.begin(), flags.end());
    words.insert(words.end(), {"--", ROUNDS_PROGRAM, "serve", socket()});
    words.insert(words.end(), behaviour.begin(), behaviour.end());
    const Outcome outcome = testing::holdfast(words, {.directory = directory_.path()});
    std::filesystem::remove(socket());
    return outcome;
  }

  std::string socket() const { return directory_.file("app.sock"); }

  testing::TemporaryDirectory directory_;
};

nlohmann::json parsed(const Outcome& outcome) {
  const auto json = nlohmann::json::parse(outcome.out, nullptr, false);
  EXPECT_TRUE(json.is_object()) << outcome.out << outcome.err;
  return json;
}

TEST_F(Ci, AServerThatKeepsAKilobytePerRequestFailsWithItsPlaceFirst) {
  const Outcome outcome =
      ci({"--rounds", "9", "--requests", "200", "--format", "json"}, {"leak", "1024", "1"});
  EXPECT_EQ(outcome.exit_code, 1) << outcome.out << outcome.err;
  const auto report = parsed(outcome);
  EXPECT_EQ(report.at("verdict"), "leak");
  const auto& finding = report.at("findings").at(0);
  EXPECT_EQ(finding.at("grade"), "leak");
  EXPECT_THAT(finding.at("site").at("name"), HasSubstr("keep"));
  EXPECT_NEAR(finding.at("rate").at("bytes_per_work").get<double>(), 1024, 1);
  EXPECT_EQ(report.at("rounds").at("measured"), 9);
  EXPECT_EQ(report.at("rounds").at("confirming"), 9);
  EXPECT_EQ(report.at("rounds").at("in_use_bytes").size(), 19u);
}

TEST_F(Ci, AServerThatKeepsNothingPassesWithoutRoundsToConfirm) {
  const Outcome outcome = ci({"--requests", "200", "--format", "json"}, {});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.out << outcome.err;
  EXPECT_EQ(parsed(outcome).at("rounds").at("confirming"), 0);
  EXPECT_THAT(outcome.err, StartsWith("holdfast ci: budget 4 B/request; every allocation is counted"));
  EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1)
      << "no bar in a pipe: " << outcome.err;
}

TEST_F(Ci, APlaceThatFillsUpIsNoLeak) {
  EXPECT_EQ(ci({"--requests", "200"}, {"fill", "500"}).exit_code, 0) << "full while it is measured";
  EXPECT_EQ(ci({"--requests", "200"}, {"fill", "1300"}).exit_code, 0) << "full while it is confirmed";
}

TEST_F(Ci, ABudgetALargeBoundAndASuppressionEachAcceptIt) {
  const std::vector<std::string> leak = {"leak", "64", "2"};
  EXPECT_EQ(ci({"--requests", "200"}, leak).exit_code, 1);
  EXPECT_EQ(ci({"--requests", "200", "--budget", "40B/request"}, leak).exit_code, 0);
  EXPECT_EQ(ci({"--requests", "200", "--bound", "keep <= 1MiB"}, leak).exit_code, 0);
  EXPECT_EQ(ci({"--requests", "200", "--bound", "keep <= 10kB"}, leak).exit_code, 1);
  testing::write_text(directory_.file("leaks.supp"), "# known\nleak:keep\nleak:nothing\n");
  const Outcome suppressed = ci({"--requests", "200", "--suppressions", "leaks.supp"}, leak);
  EXPECT_EQ(suppressed.exit_code, 0) << suppressed.out;
  EXPECT_THAT(suppressed.out, HasSubstr("suppressed by leaks.supp:2"));
  EXPECT_THAT(suppressed.out, HasSubstr("suppression of 'nothing' (leaks.supp:3) covers nothing here"));
}

TEST_F(Ci, SeveralFormatsAreWrittenAtOnce) {
  const Outcome outcome =
      ci({"--requests", "200", "--name", "keeps a lot", "--format", "github", "--format", "junit=leaks.xml",
          "--format", "sarif=leaks.sarif", "--format", "markdown=leaks.md", "--format", "pprof=growth.pb.gz"},
         {"leak", "1000", "1"});
  EXPECT_EQ(outcome.exit_code, 1) << outcome.err;
  EXPECT_THAT(outcome.out, StartsWith("::error title=Holdfast%3A LEAK::LEAK "));
  const auto file = [&](const char* name) { return testing::read_text(directory_.file(name)); };
  EXPECT_THAT(file("leaks.xml"), HasSubstr("classname=\"holdfast.ci\" name=\"keeps a lot\""));
  EXPECT_EQ(nlohmann::json::parse(file("leaks.sarif")).at("version"), "2.1.0");
  EXPECT_THAT(file("leaks.md"), StartsWith("## Holdfast: 1 leaking site"));
  // 10 rounds since the warm-up, of 200 blocks each.
  const Outcome top = testing::run(
      {"go", "tool", "pprof", "-top", "-sample_index=inuse_objects", directory_.file("growth.pb.gz")});
  EXPECT_EQ(top.exit_code, 0) << top.err;
  EXPECT_THAT(top.out, ContainsRegex("2000 .*::keep"));
}

TEST_F(Ci, TheStepsSummaryIsWrittenWhereGithubWantsIt) {
  const std::string path = directory_.file("summary.md");
  testing::write_text(path, "before\n");
  const std::string foreign = "heap profile: 1: 64 [1: 64] @ heapprofile\n1: 64 [1: 64] @ 0x1000\n";
  const Outcome outcome =
      testing::holdfast({"check", "-", "--format", "github", "--inconclusive", "warn"},
                        {.input = foreign, .environment = {{"GITHUB_STEP_SUMMARY", path}}});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, StartsWith("::warning title=Holdfast::inconclusive%0A"));
  EXPECT_THAT(testing::read_text(path), StartsWith("before\n## Holdfast: inconclusive"));
}

TEST_F(Ci, WithoutCountedRequestsTheRoundIsTheUnit) {
  const Outcome outcome = ci({}, {"leak", "1024", "1"});
  EXPECT_EQ(outcome.exit_code, 1) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("/round"));
}

TEST_F(Ci, AFloorAboveTheBudgetIsSaidBeforeTheRunAndNeverPasses) {
  const Outcome outcome = ci({"--requests", "200", "--interval", "64KiB"}, {});
  EXPECT_EQ(outcome.exit_code, 3) << outcome.out;
  EXPECT_THAT(outcome.err,
              HasSubstr("leaks of less than 1.5 KiB/request cannot be seen, so without a leak this run "
                        "will be inconclusive"));
  EXPECT_EQ(ci({"--requests", "200", "--interval", "64KiB", "--inconclusive", "warn"}, {}).exit_code, 0);
  EXPECT_EQ(ci({"--requests", "200", "--interval", "1KiB", "--budget", "100B"}, {}).exit_code, 0);
  EXPECT_EQ(
      ci({"--requests", "200", "--interval", "64KiB", "--confirm", "0"}, {"leak", "100000", "1"}).exit_code,
      1)
      << "a leak above the floor is one";
}

TEST_F(Ci, ACrashedTargetIsNoVerdict) {
  const Outcome early = ci({}, {"crash", "50"});
  EXPECT_EQ(early.exit_code, 2);
  EXPECT_THAT(early.out, IsEmpty());
  EXPECT_THAT(early.err, HasSubstr("the program was killed by signal 6 (Aborted) (while round 1 was sent)"));
  const Outcome late = ci({"--inconclusive", "warn"}, {"crash", "900"});
  EXPECT_EQ(late.exit_code, 2);
  EXPECT_THAT(late.err, HasSubstr("(while round 5 was sent)"));
}

TEST_F(Ci, ARestlessProgramIsWaitedForOnlySoLong) {
  const Outcome outcome = ci({"--requests", "200", "--settle", "300ms"}, {"restless"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.out;
  EXPECT_THAT(outcome.out, HasSubstr("not quiet within 300 ms"));
}

TEST_F(Ci, AProgramOrACommandThatFailsIsTold) {
  const auto refused = [](const Outcome& outcome, const std::string& what) {
    EXPECT_EQ(outcome.exit_code, 2) << outcome.err;
    EXPECT_THAT(outcome.out, IsEmpty());
    EXPECT_THAT(outcome.err, HasSubstr("holdfast: "));
    EXPECT_THAT(outcome.err, HasSubstr(what));
  };
  refused(testing::holdfast({"ci", "--drive", "true"}), "ci of which program?");
  refused(testing::holdfast({"ci", "--url", "127.0.0.1:1"}), "--drive is required");
  refused(testing::holdfast({"ci", "--drive", "true", "--url", "127.0.0.1:1", "--", "true"}), "not of both");
  refused(testing::holdfast({"ci", "--drive", "true", "--url", "/etc/passwd"}),
          "/etc/passwd is no running server");
  refused(testing::holdfast(
              {"ci", "--drive", "true", "--url", "127.0.0.1:" + std::to_string(testing::unused_port())}),
          "Connection refused");
  refused(testing::holdfast({"ci", "--drive", "true", "--", "no-such-program"}), "cannot find the program");
  refused(testing::holdfast({"ci", "--drive", "true", "--", "sh", "-c", "exit 3"}), "ended with exit code 3");
  refused(testing::holdfast({"ci", "--drive", "true", "--budget", "much", "--", "true"}), "much");
  refused(testing::holdfast({"ci", "--drive", "true", "--rounds", "2", "--", "true"}), "--rounds");
  refused(testing::holdfast({"ci", "--drive", "true", "--suppressions", "none.supp", "--", "true"}),
          "none.supp");
  refused(ci("echo some words; exit 7", {}, {}), "the command of --drive ended with exit code 7");
  EXPECT_THAT(ci("echo some words; exit 7", {}, {}).err, HasSubstr("some words\n"));
}

TEST_F(Ci, AForeignServerIsASuspectAtMost) {
  std::atomic<int> blocks = 1;
  testing::HttpServer server;
  server.routes().Get("/grow", [&](const httplib::Request&, httplib::Response&) { blocks += 100; });
  server.routes().Get("/pprof/heap", [&](const httplib::Request&, httplib::Response& response) {
    const std::string n = std::to_string(blocks), bytes = std::to_string(64 * blocks);
    const std::string row = n + ": " + bytes + " [" + n + ": " + bytes + "] @ ";
    response.set_content("heap profile: " + row + "heapprofile\n" + row + "0x1000 0x2000\n", "text/plain");
  });
  server.start();
  const auto ci = [&](const std::string& drive) {
    return testing::holdfast({"ci", "--url", server.address() + "/pprof/heap", "--rounds", "3", "--warm-up",
                              "1", "--drive", drive});
  };
  const Outcome grows = ci("curl -sf " + server.address() + "/grow");
  EXPECT_EQ(grows.exit_code, 3) << grows.out << grows.err;
  EXPECT_THAT(grows.out, HasSubstr("SUSPECT  "));
  EXPECT_THAT(grows.out, HasSubstr("carries no ages"));
  EXPECT_EQ(ci("true").exit_code, 0);
}

}  // namespace
}  // namespace holdfast
