#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "canned_sources.h"
#include "profile/pprof.h"
#include "serve/routes.h"

namespace holdfast::serve {
namespace {

using ::testing::HasSubstr;

class CpuRouteTest : public ::testing::Test {
 protected:
  CpuRouteTest() {
    Sources sources = holdfast::testing::canned_sources();
    sources.wait = [this](int seconds) {
      waited_ += seconds;
      if (during_) during_();
      return !closing_;
    };
    sources.cpu =
        CpuProfiler{.start = [this]() -> Result<void> {
                      if (busy_) return Error{"the CPU profiler does not start", "it may be at work already"};
                      ++running_;
                      return {};
                    },
                    .stop = [this]() -> Result<std::string> {
                      --running_;
                      return std::string("legacy");
                    },
                    .explain = [](const std::string& legacy) -> Result<profile::Profile> {
                      EXPECT_EQ(legacy, "legacy");
                      return holdfast::testing::canned_profile();
                    }};
    routes_.emplace(std::move(sources));
  }
  Request request(std::multimap<std::string, std::string> query = {{"seconds", "2"}}) {
    Request r;
    r.method = "GET";
    r.path = "/debug/pprof/profile";
    r.query = std::move(query);
    return r;
  }

  std::optional<Routes> routes_;
  int running_ = 0;
  int waited_ = 0;
  bool busy_ = false;
  bool closing_ = false;
  std::function<void()> during_;
};

TEST_F(CpuRouteTest, WatchesForTheSecondsAskedFor) {
  during_ = [&] { EXPECT_EQ(running_, 1); };
  const Response response = routes_->handle(request());
  EXPECT_EQ(response.status, 200);
  EXPECT_TRUE(profile::decode_pprof(response.body));
  EXPECT_EQ(waited_, 2);
  EXPECT_EQ(running_, 0);
  EXPECT_EQ(routes_->handle(request({})).status, 200);
  EXPECT_EQ(waited_, 32);
}

TEST_F(CpuRouteTest, GivesThePerlToolsTheProfilersOwnBytes) {
  Request legacy = request();
  legacy.path = "/pprof/profile";
  EXPECT_EQ(routes_->handle(legacy).body, "legacy");
}

TEST_F(CpuRouteTest, RefusesATimeThatIsNone) {
  for (const char* seconds : {"0", "-1", "", "x", "1.5", "301"})
    EXPECT_EQ(routes_->handle(request({{"seconds", seconds}})).status, 400) << seconds;
  Request head = request();
  head.method = "HEAD";
  EXPECT_EQ(routes_->handle(head).status, 200);
  EXPECT_EQ(waited_, 0);
}

TEST_F(CpuRouteTest, IsForOneAtATime) {
  int second = 0;
  during_ = [&] {
    during_ = nullptr;
    second = routes_->handle(request()).status;
  };
  EXPECT_EQ(routes_->handle(request()).status, 200);
  EXPECT_EQ(second, 429);
  busy_ = true;
  const Response response = routes_->handle(request());
  EXPECT_EQ(response.status, 503);
  EXPECT_THAT(response.body, HasSubstr("at work already"));
}

TEST_F(CpuRouteTest, NeverLeavesTheProfilerRunning) {
  closing_ = true;
  EXPECT_EQ(routes_->handle(request()).status, 503);
  EXPECT_EQ(running_, 0);
  closing_ = false;
  Request leaving = request({{"seconds", "300"}});
  leaving.client_waits = [&] { return waited_ < 5; };
  EXPECT_EQ(routes_->handle(leaving).status, 503);
  EXPECT_EQ(running_, 0);
  EXPECT_LT(waited_, 10);
}

}  // namespace
}  // namespace holdfast::serve
