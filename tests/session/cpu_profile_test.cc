// The CPU profile of a program that links gperftools' profiler, by the real clients.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <httplib.h>

#include "profile/pprof.h"
#include "support/subprocess.h"
#include "support/temporary.h"

namespace holdfast {
namespace {

using ::testing::HasSubstr;

class CpuProfile : public ::testing::Test {
 protected:
  CpuProfile() { options_.environment = {{"PPROF_TMPDIR", directory_.path()}, {"HOME", directory_.path()}}; }
  void TearDown() override {
    program_.close_input();
    EXPECT_EQ(program_.wait().exit_code, 0);
  }

  testing::TemporaryDirectory directory_;
  testing::ProcessOptions options_;
  testing::Process program_{{HOLDFAST_CPU_PROGRAM}, {.keep_input_open = true}};
  std::string url_ = program_.read_line();
};

TEST_F(CpuProfile, NamesWhatBurnsTheCpu) {
  httplib::Client client(url_);
  const auto answer = client.Get("/debug/pprof/profile?seconds=1");
  ASSERT_TRUE(answer);
  ASSERT_EQ(answer->status, 200) << answer->body;
  const auto profile = profile::decode_pprof(answer->body);
  ASSERT_TRUE(profile) << profile.error().what;
  EXPECT_EQ(profile->default_sample_type, "cpu");
  EXPECT_GT(profile->samples.size(), 0u);
  if (testing::run({"go", "version"}).exit_code != 0) GTEST_SKIP() << "go is not installed";
  const testing::Outcome top =
      testing::run({"go", "tool", "pprof", "-top", url_ + "/debug/pprof/profile?seconds=1"}, options_);
  EXPECT_EQ(top.exit_code, 0) << top.err;
  EXPECT_THAT(top.out, HasSubstr("Type: cpu"));
  EXPECT_THAT(top.out, HasSubstr("burns_cpu"));
}

TEST_F(CpuProfile, DoesNotWaitForAHead) {
  httplib::Client client(url_);
  EXPECT_EQ(client.Head("/debug/pprof/profile?seconds=300")->status, 200);
}

TEST_F(CpuProfile, IsReadByGooglePprof) {
  if (testing::run({"google-pprof", "--version"}).exit_code == 127)
    GTEST_SKIP() << "google-pprof is not installed";
  const testing::Outcome text =
      testing::run({"google-pprof", "--text", "--seconds=1", url_ + "/pprof/profile"}, options_);
  EXPECT_EQ(text.exit_code, 0) << text.err;
  EXPECT_THAT(text.out, HasSubstr("burns_cpu"));
}

}  // namespace
}  // namespace holdfast
