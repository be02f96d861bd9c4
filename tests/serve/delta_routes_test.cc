#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "canned_sources.h"
#include "profile/pprof.h"
#include "serve/routes.h"

namespace holdfast::serve {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Request heap_over(const std::string& seconds) {
  Request request;
  request.method = "GET";
  request.path = "/debug/pprof/heap";
  request.query = {{"seconds", seconds}};
  return request;
}

// A heap whose leak grows with each collection, and a clock that only counts.
class DeltaRoutes : public ::testing::Test {
 protected:
  DeltaRoutes() {
    Sources sources = holdfast::testing::canned_sources();
    sources.heap = [this](const std::string&) -> Result<profile::Profile> {
      ++collections_;
      profile::Profile p = holdfast::testing::canned_profile(collections_ * 1000);
      p.time_nanos += waited_ * 1'000'000'000;
      return p;
    };
    sources.wait = [this](int seconds) {
      waited_ += seconds;
      if (during_wait_) during_wait_();
      return !closing_;
    };
    routes_.emplace(std::move(sources));
  }
  std::optional<Routes> routes_;
  std::int64_t collections_ = 0;
  std::int64_t waited_ = 0;
  bool closing_ = false;
  std::function<void()> during_wait_;
};

TEST_F(DeltaRoutes, ShowWhatChangedInTheTime) {
  const Response response = routes_->handle(heap_over("3"));
  ASSERT_EQ(response.status, 200) << response.body;
  const auto decoded = profile::decode_pprof(response.body);
  ASSERT_TRUE(decoded) << decoded.error().what;
  EXPECT_EQ(waited_, 3);
  EXPECT_EQ(decoded->duration_nanos, 3'000'000'000);
  ASSERT_EQ(decoded->samples.size(), 1u);  // main's own row did not change
  EXPECT_THAT(decoded->samples[0].values, ElementsAre(0, 2000, 0, 1000));
}

TEST_F(DeltaRoutes, RefuseATimeThatIsNoneOrTooLong) {
  for (const char* seconds : {"0", "-1", "", "x", "1.5", "1s", " 1", "301", "99999999999999999999"}) {
    const Response response = routes_->handle(heap_over(seconds));
    EXPECT_EQ(response.status, 400) << seconds;
    EXPECT_THAT(response.body, HasSubstr("from 1 to 300")) << seconds;
  }
  Request request = heap_over("1");
  request.query.emplace("debug", "1");
  EXPECT_EQ(routes_->handle(request).status, 400);
  EXPECT_EQ(collections_, 0);
}

TEST_F(DeltaRoutes, DoNotWaitForAHead) {
  Request request = heap_over("300");
  request.method = "HEAD";
  EXPECT_EQ(routes_->handle(request).status, 200);
  EXPECT_EQ(waited_, 0);
  request.query = {{"seconds", "x"}};
  EXPECT_EQ(routes_->handle(request).status, 400);
}

TEST_F(DeltaRoutes, LeaveTheWayFreeForOthersWhileTheyWait) {
  std::vector<int> statuses;
  during_wait_ = [&] {
    Request plain = heap_over("1");
    plain.query.clear();
    statuses.push_back(routes_->handle(plain).status);
    statuses.push_back(routes_->handle(heap_over("1")).status);
    during_wait_ = nullptr;
  };
  EXPECT_EQ(routes_->handle(heap_over("2")).status, 200);
  EXPECT_THAT(statuses, ElementsAre(200, 429));
}

TEST_F(DeltaRoutes, EndWhenTheEndpointCloses) {
  closing_ = true;
  EXPECT_EQ(routes_->handle(heap_over("300")).status, 503);
  EXPECT_EQ(waited_, 1);
}

TEST_F(DeltaRoutes, EndWhenTheClientGoes) {
  Request request = heap_over("300");
  request.client_waits = [this] { return waited_ < 5; };
  EXPECT_EQ(routes_->handle(request).status, 503);
  EXPECT_EQ(waited_, 5);
}

}  // namespace
}  // namespace holdfast::serve
