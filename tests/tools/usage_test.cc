// What every subcommand shares: help, version, wrong usage, and bad input.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "base/gzip.h"
#include "profile/pprof.h"
#include "support/http_server.h"
#include "support/raw_server.h"
#include "support/temporary.h"
#include "tools/tool.h"

namespace holdfast {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using testing::Outcome;
using ::testing::StartsWith;

// Exit status 2, nothing on standard output, and on standard error one line of what and at most one of what
// to do.
void expect_refused(const Outcome& outcome, const std::string& what) {
  EXPECT_EQ(outcome.exit_code, 2) << outcome.err;
  EXPECT_THAT(outcome.out, IsEmpty());
  EXPECT_THAT(outcome.err, StartsWith("holdfast: "));
  EXPECT_THAT(outcome.err, HasSubstr(what));
  EXPECT_LE(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 2) << outcome.err;
}

TEST(Usage, HelpAndVersionGoToStandardOutputAndSucceed) {
  const Outcome version = testing::holdfast({"--version"});
  EXPECT_EQ(version.exit_code, 0);
  EXPECT_THAT(version.out, MatchesRegex("holdfast [0-9]+\\.[0-9]+\\.[0-9]+\n"));
  const Outcome help = testing::holdfast({"--help"});
  EXPECT_EQ(help.exit_code, 0);
  EXPECT_THAT(help.err, IsEmpty());
  for (const char* command : {"run", "get"}) {
    EXPECT_THAT(help.out, HasSubstr(std::string("\n  ") + command));
    const Outcome command_help = testing::holdfast({command, "--help"});
    EXPECT_EQ(command_help.exit_code, 0) << command;
    EXPECT_THAT(command_help.out, HasSubstr("[")) << command << " tells its defaults in brackets";
  }
}

TEST(Usage, WrongUsageIsToldInOneLineWithTheWayToHelp) {
  expect_refused(testing::holdfast({}), "subcommand is required");
  expect_refused(testing::holdfast({"gte"}), "gte");
  expect_refused(testing::holdfast({"get"}), "SOURCE is required");
  expect_refused(testing::holdfast({"get", "a", "b"}), "b");
  expect_refused(testing::holdfast({"get", "--no-such-flag", "a"}), "--no-such-flag");
  expect_refused(testing::holdfast({"get", "--timeout", "soon", "a"}), "'soon' is not a duration");
  expect_refused(testing::holdfast({"get", "--timeout", "0", "a"}), "--timeout");
  expect_refused(testing::holdfast({"get", "--key", "k.pem", "a"}), "--cert");
  EXPECT_THAT(testing::holdfast({"get"}).err, HasSubstr("holdfast get --help"));
}

class BadInput : public ::testing::TestWithParam<std::vector<std::string>> {
 protected:
  // Puts SOURCE where the parameter says so, and keeps what is written in a directory of the test.
  Outcome read(const std::string& source, const std::string& input = "") {
    std::vector<std::string> words = GetParam();
    std::replace(words.begin(), words.end(), std::string("SOURCE"), source);
    return testing::holdfast(words, {.input = input, .directory = directory_.path()});
  }

  std::string file_of(const std::string& bytes) {
    testing::write_text(directory_.file("input"), bytes);
    return directory_.file("input");
  }

  testing::TemporaryDirectory directory_;
};

std::string small_profile() {
  profile::Profile profile;
  profile.sample_types = {{"inuse_space", "bytes"}};
  profile.functions = {{"leak", "leak", "", 0}};
  profile.locations = {{profile::kNoMapping, 0x1000, {{0, 0}}, false}};
  profile.samples = {{{0}, {4096}, {}}};
  return profile::encode_pprof(profile);
}

const std::string& zip_bomb() {
  static const std::string bomb = base::gzip(std::string(300 << 20, '\0'));
  return bomb;
}

TEST_P(BadInput, ABrokenFileIsRefused) {
  const std::string whole = small_profile();
  expect_refused(read(file_of("")), "is empty");
  expect_refused(read(file_of("just some text\n")), "not a profile");
  expect_refused(read(file_of(whole.substr(0, whole.size() / 2))), "input: ");
  expect_refused(read(file_of(std::string(10'000, '\xff'))), "input: ");
  std::string corrupted = whole;
  corrupted[corrupted.size() / 2] = static_cast<char>(~corrupted[corrupted.size() / 2]);
  expect_refused(read(file_of(corrupted)), "input: ");
  expect_refused(read(file_of(zip_bomb())), "input: ");
  expect_refused(read("-", "garbage"), "-: ");
  expect_refused(read("-"), "standard input is empty");
  expect_refused(read("no-such-file"), "cannot read no-such-file: No such file");
  expect_refused(read(directory_.path()), "is a directory");
  expect_refused(read("/dev/zero"), "larger than 256.0 MiB");
}

TEST_P(BadInput, AServerThatGivesNoProfileIsRefused) {
  testing::HttpServer server;
  server.routes().Get("/text", [](const httplib::Request&, httplib::Response& response) {
    response.set_content("hello", "text/plain");
  });
  server.start();
  expect_refused(read("127.0.0.1:" + std::to_string(testing::unused_port())), "Connection refused");
  expect_refused(read("http://no-such-host.invalid/"), "unknown host");
  expect_refused(read("gopher://host/"), "cannot fetch from gopher://");
  expect_refused(read("http://127.0.0.1:port/"), "'port' is not a port");
  expect_refused(read(server.address() + "/none"), "answered 404");
  expect_refused(read(server.address() + "/text"), "not a profile");
  expect_refused(read("unix:" + directory_.file("none.sock")), "cannot connect");
}

// Every subcommand that reads a SOURCE.
INSTANTIATE_TEST_SUITE_P(Subcommands, BadInput,
                         ::testing::Values(std::vector<std::string>{"get", "SOURCE", "-o", "out"},
                                           std::vector<std::string>{"top", "SOURCE"},
                                           std::vector<std::string>{"diff", "SOURCE", "SOURCE"},
                                           std::vector<std::string>{"check", "SOURCE"},
                                           std::vector<std::string>{"watch", "SOURCE"},
                                           std::vector<std::string>{"baseline", "SOURCE"},
                                           std::vector<std::string>{"convert", "SOURCE"}),
                         [](const auto& suite) { return suite.param.front(); });

}  // namespace
}  // namespace holdfast
