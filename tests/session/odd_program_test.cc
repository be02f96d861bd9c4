// A heap that is hard to tell about, through the real endpoint to the real clients and the written rules of
// others.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <httplib.h>

#include <algorithm>
#include <filesystem>
#include <optional>

#include "profile/pprof.h"
#include "support/pprof_rules.h"
#include "support/subprocess.h"
#include "support/temporary.h"

namespace holdfast {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class OddProgram : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* copy : {"libclosed.so", "libdeleted.so"})
      std::filesystem::copy_file(HOLDFAST_TEST_PLUGIN, directory_.file(copy));
    program_.emplace(std::vector<std::string>{HOLDFAST_ODD_PROGRAM, directory_.file("libclosed.so"),
                                              directory_.file("libdeleted.so")},
                     testing::ProcessOptions{.keep_input_open = true});
    url_ = program_->read_line();
    ASSERT_THAT(url_, HasSubstr("http://")) << program_->wait().err;
    options_.environment = {{"PPROF_TMPDIR", directory_.path()}, {"HOME", directory_.path()}};
    options_.timeout = std::chrono::seconds(110);
  }
  void TearDown() override {
    if (!program_) return;
    program_->close_input();
    EXPECT_EQ(program_->wait().exit_code, 0);
  }
  std::string get(const std::string& path) {
    httplib::Client client(url_);
    const auto answer = client.Get(path);
    EXPECT_TRUE(answer);
    return answer ? answer->body : std::string();
  }
  // The bytes in use under a function.
  static double bytes_under(const profile::Profile& profile, const std::string& function) {
    double bytes = 0;
    for (const profile::Sample& sample : profile.samples) {
      const bool is_under = std::ranges::any_of(sample.locations, [&](std::uint32_t location) {
        return std::ranges::any_of(profile.locations[location].lines, [&](const profile::Line& line) {
          return profile.functions[line.function].name.find(function) != std::string::npos;
        });
      });
      if (is_under) bytes += static_cast<double>(sample.values[3]);
    }
    return bytes;
  }

  testing::TemporaryDirectory directory_;
  testing::ProcessOptions options_;
  std::optional<testing::Process> program_;
  std::string url_;
};

TEST_F(OddProgram, KeepsTheRulesOfEveryReader) {
  for (const char* path : {"/debug/pprof/heap", "/debug/pprof/allocs", "/debug/pprof/delta_heap?base=t"})
    EXPECT_THAT(support::broken_rules(get(path)), IsEmpty()) << path;
}

TEST_F(OddProgram, NamesEverySiteOrSaysWhatItFolded) {
  const auto profile = profile::decode_pprof(get("/debug/pprof/heap"));
  ASSERT_TRUE(profile) << profile.error().what;
  EXPECT_LE(profile->samples.size(), 16'000u);
  EXPECT_GT(profile->samples.size(), 10'000u);
  // 20,000 sites of 40 to 46 bytes, shown or in the folded row.
  EXPECT_NEAR(bytes_under(*profile, "allocating_function") + bytes_under(*profile, "smaller sites folded"),
              20'000 * 43.0, 20'000);
  EXPECT_EQ(bytes_under(*profile, "allocates_with_a_long_name<"), 2'000'000);
  EXPECT_EQ(bytes_under(*profile, "allocates_f"), 3'000'000);
  EXPECT_EQ(bytes_under(*profile, "plugin_allocates"), 9'000'000);
  std::size_t longest = 0;
  for (const profile::Function& function : profile->functions)
    longest = std::max(longest, function.name.size());
  EXPECT_GT(longest, 10'000u);
  std::vector<std::string> files;
  for (const profile::Mapping& mapping : profile->mappings) files.push_back(mapping.file);
  EXPECT_THAT(files,
              ::testing::IsSupersetOf({directory_.file("libclosed.so"), directory_.file("libdeleted.so")}));
}

TEST_F(OddProgram, IsReadByPprof) {
  if (testing::run({"go", "version"}).exit_code != 0) GTEST_SKIP() << "go is not installed";
  const testing::Outcome top = testing::run(
      {"go", "tool", "pprof", "-top", "-unit=B", "-nodecount=5", url_ + "/debug/pprof/heap"}, options_);
  EXPECT_EQ(top.exit_code, 0) << top.err;
  EXPECT_THAT(top.out, ContainsRegex("9000000B .*plugin_allocates"));
  EXPECT_THAT(top.out, ContainsRegex("3000000B .*allocates_f"));
}

TEST_F(OddProgram, IsReadByGooglePprof) {
  if (testing::run({"google-pprof", "--version"}).exit_code == 127)
    GTEST_SKIP() << "google-pprof is not installed";
  const testing::Outcome text =
      testing::run({"google-pprof", "--text", "--show_bytes", url_ + "/pprof/heap"}, options_);
  EXPECT_EQ(text.exit_code, 0) << text.err;
  EXPECT_THAT(text.out, ContainsRegex("9000000 .*plugin_allocates"));
  EXPECT_THAT(text.out, ContainsRegex("2000000 .*allocates_with_a_long_name"));
}

}  // namespace
}  // namespace holdfast
