// The formats for other tools, each read by a judge that is not ours: xmllint, Python's jsonschema,
// cmark-gfm; GitHub's lines by its documented rules.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "diagnose/baseline.h"
#include "diagnose/judge.h"
#include "diagnose/suppressions.h"
#include "reports/encoding.h"
#include "reports/github.h"
#include "reports/junit.h"
#include "reports/markdown.h"
#include "reports/sarif.h"
#include "support/command.h"
#include "support/snapshot_builder.h"
#include "support/temporary.h"

namespace holdfast::reports {
namespace {

using support::CommandResult;
using support::run_command;
using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using testing::Life;
using ::testing::Not;
using testing::SnapshotBuilder;
using ::testing::StartsWith;

// Names and paths that mean something to one of the formats.
const char* const kOddNames[] = {"plain",        "a|b`c`*d*", "100%,x:y",
                                 "<script>&\"'", "]]>_end_",  "\x1b[31mred\xff"};

std::vector<Life> leak() {
  std::vector<Life> lives;
  for (int i = 0; i < 400; ++i) lives.push_back({i * 9.0, 1e18, 1e5});
  return lives;
}

SnapshotBuilder odd_program() {
  SnapshotBuilder builder(3600, 1);
  for (const char* name : kOddNames) builder.site(name, leak());
  for (std::size_t i = 0; i < std::size(kOddNames); ++i) {
    builder.profile().functions[i].filename = "/repo/src dir/odd,file:" + std::to_string(i) + "%.cc";
    builder.profile().locations[i].lines[0].line = 10 + static_cast<std::int64_t>(i);
  }
  builder.profile().functions[0].filename = "/usr/include/elsewhere.h";
  return builder;
}

diagnose::Diagnosis clean() {
  std::vector<Life> lives;
  for (int i = 0; i < 3600; ++i) lives.push_back({i * 1.0, i + 20.0, 1e5});
  return diagnose::judge(SnapshotBuilder(3600, 1).site("pass", lives).profile());
}

// Each kind of verdict, with what comes with it.
std::vector<diagnose::Diagnosis> diagnoses() {
  auto builder = odd_program();
  std::vector<diagnose::Diagnosis> all = {clean(), diagnose::judge(profile::Profile{}),
                                          diagnose::judge(builder.profile()),
                                          diagnose::judge(builder.profile(), {.bounds = {{"plain", 1000}}})};
  const auto suppressions = diagnose::parse_suppressions("leak:plain\nleak:nothing & <all>\n", "a<b>.supp");
  diagnose::suppress(all[2], suppressions.value(), "2026-01-01");
  diagnose::Baseline baseline = diagnose::make_baseline(all[3]);
  baseline.sites.erase(baseline.sites.begin());
  baseline.sites.push_back({"0123456789abcdef", "gone | for <good>", diagnose::Grade::leak, {}, {}});
  diagnose::compare_with(baseline, all[3]);
  return all;
}

diagnose::Comparison comparison() {
  auto builder = odd_program();
  return diagnose::compare(SnapshotBuilder(10, 1).site("plain", {{1, 1e18, 100}}).profile(),
                           builder.profile());
}

const Context kContext{.name = "odd & <name>", .sources = {"a"}, .source_root = "/repo", .version = "1.2.3"};

std::string source_file(const char* name) {
  return std::string(HOLDFAST_SOURCE_DIR) + "/tests/reports/" + name;
}

class Judge : public ::testing::Test {
 protected:
  std::string file_of(const std::string& text) {
    const std::string path = directory_.file(std::to_string(++files_));
    testing::write_text(path, text);
    return path;
  }
  testing::TemporaryDirectory directory_;
  int files_ = 0;
};

TEST_F(Judge, XmllintFindsEveryJUnitReportValid) {
  const auto validate = [&](const std::string& report) {
    return run_command("xmllint --noout --schema " + source_file("junit.xsd") + " " + file_of(report));
  };
  for (const diagnose::Diagnosis& d : diagnoses()) {
    for (const bool fails : {true, false}) {
      Context context = kContext;
      context.fails_when_inconclusive = fails;
      const CommandResult result = validate(render_junit(d, context));
      EXPECT_EQ(result.exit_code, 0) << result.output << render_junit(d, context);
    }
  }
  EXPECT_EQ(validate(render_junit(comparison(), kContext)).exit_code, 0);
  EXPECT_NE(validate("<testsuites><testsuite/></testsuites>").exit_code, 0)
      << "the judge refuses what is wrong";
}

TEST_F(Judge, AJUnitCaseFailsWithWhatLeaks) {
  const auto all = diagnoses();
  const auto xpath = [&](const std::string& report, const std::string& path) {
    return run_command("xmllint --xpath '" + path + "' " + file_of(report)).output;
  };
  const std::string leaking = render_junit(all[2], kContext);
  EXPECT_THAT(xpath(leaking, "string(//testcase/@name)"), HasSubstr("odd & <name>"));
  EXPECT_THAT(xpath(leaking, "string(//failure/@message)"), HasSubstr("5 leaking sites"));
  EXPECT_THAT(xpath(leaking, "string(//failure)"),
              AllOf(HasSubstr("LEAK odd,file:3%.cc:13  <...>&\"'"), Not(HasSubstr("plain: "))));
  EXPECT_THAT(xpath(render_junit(clean(), kContext), "count(//testcase/failure)"), StartsWith("0"));
  EXPECT_THAT(xpath(render_junit(all[1], kContext), "string(//error/@type)"), HasSubstr("inconclusive"));
}

TEST_F(Judge, JsonschemaFindsEverySarifReportValid) {
  const auto validate = [&](const std::string& report) {
    return run_command(
        "python3 -c 'import json,sys,jsonschema; jsonschema.validate(json.load(open(sys.argv[1])), "
        "json.load(open(sys.argv[2])), format_checker=jsonschema.FormatChecker())' " +
        file_of(report) + " " + source_file("sarif.schema.json"));
  };
  for (const diagnose::Diagnosis& d : diagnoses()) {
    const CommandResult result = validate(render_sarif(d, kContext));
    EXPECT_EQ(result.exit_code, 0) << result.output;
  }
  const CommandResult result = validate(render_sarif(comparison(), kContext));
  EXPECT_EQ(result.exit_code, 0) << result.output;
  EXPECT_NE(validate(R"({"version": "2.1.0", "runs": [{"results": []}]})").exit_code, 0)
      << "the judge refuses what is wrong";
}

TEST(Sarif, NamesFilesOfTheRepositoryAndSitesForEver) {
  const auto all = diagnoses();
  const auto json = nlohmann::json::parse(render_sarif(all[2], kContext));
  const auto& results = json.at("runs").at(0).at("results");
  ASSERT_EQ(results.size(), std::size(kOddNames));
  int in_repository = 0, suppressed = 0;
  for (const auto& result : results) {
    EXPECT_EQ(result.at("ruleId"), "holdfast/leak");
    EXPECT_EQ(result.at("partialFingerprints").at("holdfastSite/v1").get<std::string>().size(), 16u);
    const auto& location = result.at("locations").at(0);
    if (location.contains("physicalLocation")) {
      ++in_repository;
      EXPECT_THAT(location.at("physicalLocation").at("artifactLocation").at("uri").get<std::string>(),
                  StartsWith("src%20dir/odd,file%3A"));
    }
    suppressed += result.contains("suppressions");
  }
  EXPECT_EQ(in_repository, 5) << "not the one under /usr/include";
  EXPECT_EQ(suppressed, 1);
  EXPECT_EQ(nlohmann::json::parse(render_sarif(clean(), kContext)).at("runs").at(0).at("results").size(), 0u);
}

TEST_F(Judge, CmarkMakesATableOfEveryMarkdownReport) {
  const auto html = [&](const std::string& report) {
    return run_command("cmark-gfm -e table " + file_of(report)).output;
  };
  const std::string leaking = html(render_markdown(diagnoses()[2], kContext));
  // One table of one row per leak, whatever the names hold; and nothing of theirs has become markup.
  const auto count = [](const std::string& text, const std::string& what) {
    std::size_t n = 0;
    for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++n;
    return n;
  };
  EXPECT_EQ(count(leaking, "<table>"), 1u);
  EXPECT_EQ(count(leaking, "<tr>"), 1 + std::size(kOddNames));
  EXPECT_EQ(count(leaking, "<td"), 5 * std::size(kOddNames));
  EXPECT_THAT(leaking, AllOf(HasSubstr("a|b`c`*d*</td>"), HasSubstr("&lt;...&gt;&amp;"),
                             HasSubstr("suppressed"), Not(HasSubstr("<em>")), Not(HasSubstr("<script>"))));
  EXPECT_EQ(count(html(render_markdown(clean(), kContext)), "<table>"), 0u);
  EXPECT_EQ(count(html(render_markdown(comparison(), kContext, 3)), "<tr>"), 4u);
}

// Reads a workflow command as GitHub's runner does: properties up to the second `::`, then the message.
struct Command {
  std::string kind, message;
  std::map<std::string, std::string> properties;
};

std::string unescaped(std::string text, bool is_property) {
  const auto replace = [&](const std::string& from, const std::string& to) {
    for (auto at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
      text.replace(at, from.size(), to);
  };
  replace("%0D", "\r");
  replace("%0A", "\n");
  if (is_property) {
    replace("%3A", ":");
    replace("%2C", ",");
  }
  replace("%25", "%");
  return text;
}

Command parse_command(const std::string& line) {
  Command command;
  const std::size_t end = line.find("::", 2);
  std::string head = line.substr(2, end - 2);
  command.message = unescaped(line.substr(end + 2), false);
  command.kind = head.substr(0, head.find(' '));
  std::istringstream properties(head.substr(std::min(head.size(), head.find(' ') + 1)));
  for (std::string property; std::getline(properties, property, ',');) {
    const std::size_t equals = property.find('=');
    command.properties[property.substr(0, equals)] = unescaped(property.substr(equals + 1), true);
  }
  return command;
}

std::vector<Command> commands(const std::string& text) {
  std::vector<Command> all;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    EXPECT_THAT(line, StartsWith("::"));
    all.push_back(parse_command(line));
  }
  return all;
}

TEST(Github, ItsRunnerReadsBackWhatWasSaid) {
  const auto all = commands(render_github(diagnoses()[2], kContext));
  ASSERT_EQ(all.size(), 5u) << "the suppressed one is left out";
  for (const Command& command : all) {
    EXPECT_EQ(command.kind, "error");
    EXPECT_EQ(command.properties.at("title"), "Holdfast: LEAK");
    EXPECT_THAT(command.properties.at("file"), AllOf(StartsWith("src dir/odd,file:"), EndsWith("%.cc")));
    EXPECT_THAT(command.message, AllOf(HasSubstr("\nold objects do not die"), HasSubstr("LEAK ")));
  }
  EXPECT_TRUE(std::ranges::any_of(all, [](const Command& c) {
    return c.message.find("100%,x:y") != std::string::npos && c.properties.at("line") == "12";
  }));
  EXPECT_EQ(render_github(clean(), kContext), "");
  EXPECT_EQ(commands(render_github(diagnoses()[1], kContext)).at(0).kind, "warning");
}

TEST(Github, AnnotationsAndSummaryKeepToTheCaps) {
  SnapshotBuilder builder(3600, 1);
  for (int i = 0; i < 30; ++i) builder.site("leak_" + std::to_string(i), leak());
  const auto all = commands(render_github(diagnose::judge(builder.profile()), kContext));
  ASSERT_EQ(all.size(), 11u);
  EXPECT_EQ(std::ranges::count(all, "error", &Command::kind), 10);
  EXPECT_EQ(all.back().message, "20 more findings are in the summary");
  std::string large;
  while (large.size() < (3u << 20)) large += "a line of a summary, with a name in it\n";
  const std::string summary = github_summary(large);
  EXPECT_LE(summary.size(), 1u << 20);
  EXPECT_THAT(summary, HasSubstr("name in it\n\nThe rest is cut off"));
  EXPECT_EQ(github_summary("short\n"), "short\n");
}

TEST(Encoding, WhatIsNoTextBecomesReplacementCharacters) {
  EXPECT_EQ(clean_utf8("a\x01"
                       "b\x1b"
                       "c"),
            "a\xef\xbf\xbd"
            "b\xef\xbf\xbd"
            "c");
  EXPECT_EQ(clean_utf8("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"), "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80");
  for (const char* broken : {"\xff", "\xc0\x80", "\xc3", "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80",
                             "\xef\xbf\xbe", "\xf5\x80\x80\x80"}) {
    EXPECT_THAT(clean_utf8(broken), StartsWith("\xef\xbf\xbd")) << broken;
  }
}

TEST(Encoding, PathsAreToldRelativeToTheRepository) {
  EXPECT_EQ(relative_path("/repo/src/a.cc", "/repo"), "src/a.cc");
  EXPECT_EQ(relative_path("/repo/build/../src/a.cc", "/repo/"), "src/a.cc");
  EXPECT_EQ(relative_path("src/a.cc", "/repo"), "src/a.cc");
  EXPECT_EQ(relative_path("/repository/a.cc", "/repo"), "");
  EXPECT_EQ(relative_path("../a.cc", "/repo"), "");
  EXPECT_EQ(relative_path("", "/repo"), "");
}

}  // namespace
}  // namespace holdfast::reports
