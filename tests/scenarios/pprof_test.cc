// The flagship under the real `go tool pprof`, over each allocator, live and saved.
#include <gtest/gtest.h>

#include <filesystem>
#include <regex>

#include "scenarios/judged.h"
#include "scenarios/scenario_server.h"
#include "support/subprocess.h"

namespace holdfast::testing {
namespace {

struct Run {
  std::string allocator;  // "", "_tcmalloc", "_jemalloc": the program's suffix
  bool exact;
};

class Flagship : public ::testing::TestWithParam<Run> {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() /
              ("holdfast_pprof" + GetParam().allocator + (GetParam().exact ? "_exact" : "_sampled"));
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  std::string file(const char* name) const { return (folder_ / name).string(); }

  // go tool pprof, which keeps its copies of fetched profiles in the test's own folder.
  std::string pprof(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), {"go", "tool", "pprof"});
    ProcessOptions options;
    options.environment["PPROF_TMPDIR"] = folder_.string();
    const Outcome outcome = run(arguments, options);
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    return outcome.out;
  }

  // The flat bytes that -top -unit=B shows for a function; -1 when it is not there.
  static double flat_bytes(const std::string& top, const std::string& function) {
    const std::regex row("\\n\\s*(-?[0-9.]+)B\\s[^\\n]*" + function);
    std::smatch match;
    return std::regex_search(top, match, row) ? std::stod(match[1]) : -1;
  }

  std::filesystem::path folder_;
};

TEST_P(Flagship, IsTheSameToPprofLiveSavedAndAsADifference) {
  std::vector<std::string> arguments;
  if (GetParam().exact) {
    arguments.push_back("--exact");
  } else {
    arguments.insert(arguments.end(), {"--interval", "65536"});
  }
  ScenarioServer server("scenario_router_closure" + GetParam().allocator, arguments);
  ASSERT_TRUE(server.serves());
  Expectation traffic = read_expectations("router_closure").at(0);
  traffic.requests = 400;
  traffic.rate = 400;
  traffic.concurrency = 1;
  Driver(server.app(), traffic).finish();
  const std::string first = file("first.pb.gz");
  ASSERT_EQ(
      run({HOLDFAST_BINARY_DIR "/tools/holdfast/holdfast", "get", server.heap(), "-o", first}).exit_code, 0);
  const auto held_first = static_cast<double>(server.truth().bytes);
  Driver(server.app(), traffic).finish();
  const auto held = static_cast<double>(server.truth().bytes);

  // Exact: within 10 % of the truth. Sampled: within the interval that check tells, which holds the truth
  // too.
  const Verdict verdict = check(server.heap());
  double lower = 0.9 * held, upper = 1.1 * held;
  if (!GetParam().exact) {
    for (const nlohmann::json& finding : verdict.report.at("findings")) {
      if (!passes_through(finding.at("site"), "make_handler")) continue;
      lower = finding.at("in_use").at("interval_95").at(0);
      upper = finding.at("in_use").at("interval_95").at(1);
      break;
    }
    EXPECT_GT(upper, 0.8 * held);
    EXPECT_LT(lower, 1.2 * held);
  }
  const std::string live = pprof({"-top", "-unit=B", "-sample_index=inuse_space", server.heap()});
  EXPECT_GE(flat_bytes(live, "make_handler"), lower) << live;
  EXPECT_LE(flat_bytes(live, "make_handler"), upper) << live;

  const std::string second = file("second.pb.gz");
  ASSERT_EQ(
      run({HOLDFAST_BINARY_DIR "/tools/holdfast/holdfast", "get", server.heap(), "-o", second}).exit_code, 0);
  const std::string saved = pprof({"-top", "-unit=B", "-sample_index=inuse_space", second});
  EXPECT_EQ(flat_bytes(saved, "make_handler"), flat_bytes(live, "make_handler"));

  const std::string grown = pprof({"-top", "-unit=B", "-sample_index=inuse_space", "-base", first, second});
  EXPECT_NEAR(flat_bytes(grown, "make_handler"), held - held_first,
              GetParam().exact ? 0.1 * held : 0.4 * held)
      << grown;

  EXPECT_NE(pprof({"-tags", second}).find("bytes:"), std::string::npos);
  const std::string raw = pprof({"-raw", second});
  EXPECT_NE(raw.find("inuse_space/bytes"), std::string::npos);
  EXPECT_NE(raw.find("make_handler"), std::string::npos);
  EXPECT_NE(raw.find("PeriodType: space bytes"), std::string::npos);

  // Saved by pprof itself, the profile still tells its ages.
  const std::string copy = file("copy.pb.gz");
  pprof({"-proto", "-output=" + copy, second});
  EXPECT_EQ(check(copy).exit_code, check(second).exit_code);
  EXPECT_EQ(server.stop(), 0);
}

INSTANTIATE_TEST_SUITE_P(Over, Flagship,
                         ::testing::Values(Run{"", true}, Run{"", false}, Run{"_tcmalloc", true},
                                           Run{"_tcmalloc", false}, Run{"_jemalloc", true},
                                           Run{"_jemalloc", false}),
                         [](const auto& test) {
                           return (test.param.allocator.empty() ? "glibc" : test.param.allocator.substr(1)) +
                                  (test.param.exact ? "_exact" : "_sampled");
                         });

}  // namespace
}  // namespace holdfast::testing
