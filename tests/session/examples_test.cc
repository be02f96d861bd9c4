// The examples as a user runs them: the heap endpoint inside servers of others, asked over HTTP, ended by a
// signal.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <httplib.h>
#include <signal.h>

#include <chrono>
#include <filesystem>
#include <optional>

#include "profile/pprof.h"
#include "support/subprocess.h"
#include "support/temporary.h"

namespace holdfast {
namespace {

using ::testing::HasSubstr;

class Example : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    const std::string program = std::string(HOLDFAST_BINARY_DIR "/examples/example_") + GetParam();
    if (!std::filesystem::exists(program)) GTEST_SKIP() << "its library is not installed";
    server_.emplace(std::vector<std::string>{program, "0"});
    url_ = server_->read_line();
    ASSERT_THAT(url_, HasSubstr("http://127.0.0.1:"));
    client_.emplace(url_);
  }

  std::optional<testing::Process> server_;
  std::string url_;
  std::optional<httplib::Client> client_;
};

TEST_P(Example, ServesTheHeapBesideItsOwnPages) {
  for (int i = 0; i < 20; ++i) EXPECT_EQ(client_->Get("/")->body, "hello\n");
  EXPECT_EQ(client_->Post("/debug/holdfast/recording?interval=exact")->status, 200);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(client_->Get("/")->body, "hello\n");
  // A server may count a request a moment after the client has its answer.
  double counted = 0;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (counted < 40 && std::chrono::steady_clock::now() < deadline) {
    const auto heap = client_->Get("/debug/pprof/heap");
    ASSERT_TRUE(heap);
    ASSERT_EQ(heap->status, 200);
    const auto profile = profile::decode_pprof(heap->body);
    ASSERT_TRUE(profile) << profile.error().what;
    ASSERT_TRUE(profile->history);
    ASSERT_EQ(profile->history->work_unit, "requests");
    counted = profile->history->work.back().work;
  }
  EXPECT_GE(counted, 40);
}

TEST_P(Example, AnswersHeadPostAndTheTextTree) {
  EXPECT_THAT(client_->Get("/pprof/heap")->body, HasSubstr("heap profile:"));
  const auto head = client_->Head("/pprof/symbol");
  ASSERT_TRUE(head);
  EXPECT_EQ(head->status, 200);
  EXPECT_TRUE(head->body.empty());
  EXPECT_EQ(client_->Post("/pprof/symbol", "0x1", "text/plain")->status, 200);
  EXPECT_EQ(client_->Get("/debug/pprof/heap?seconds=nothing")->status, 400);
  EXPECT_EQ(client_->Get("/debug/pprof/nothing")->status, 404);
  EXPECT_EQ(client_->Get("/debug/pprof/heap", {{"Origin", "http://evil.example"}})->status, 403);
}

TEST_P(Example, FeedsPprof) {
  if (testing::run({"go", "version"}).exit_code != 0) GTEST_SKIP() << "go is not installed";
  client_->Post("/debug/holdfast/recording?interval=exact");
  for (int i = 0; i < 10; ++i) client_->Get("/");
  const testing::TemporaryDirectory directory;
  testing::ProcessOptions options;
  options.environment["PPROF_TMPDIR"] = directory.path();
  const testing::Outcome top = testing::run(
      {"go", "tool", "pprof", "-top", "-sample_index=alloc_space", url_ + "/debug/pprof/heap"}, options);
  EXPECT_EQ(top.exit_code, 0) << top.err;
  EXPECT_THAT(top.out, HasSubstr("Type: alloc_space"));
}

TEST_P(Example, EndsInOrder) {
  EXPECT_EQ(client_->Get("/debug/pprof/heap")->status, 200);
  client_->set_keep_alive(true);
  client_->Get("/");  // a connection that stays
  server_->send_signal(SIGTERM);
  client_.reset();
  const testing::Outcome outcome = server_->wait();
  EXPECT_EQ(outcome.exit_code, 0) << outcome.signal << " " << outcome.err;
}

INSTANTIATE_TEST_SUITE_P(Of, Example, ::testing::Values("cpp_httplib", "boost_beast", "civetweb"),
                         [](const auto& test) { return std::string(test.param); });

}  // namespace
}  // namespace holdfast
