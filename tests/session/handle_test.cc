// holdfast::handle(): the endpoint inside a program's own HTTP server.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "profile/pprof.h"
#include "session/asking.h"

namespace holdfast {
namespace {

using testing::ask;
using ::testing::HasSubstr;
using testing::header;

TEST(Handle, AnswersTheRoutesOfTheOpenSession) {
  auto heap = Session::open({.exact = true});
  ASSERT_TRUE(heap) << heap.error().what;
  const HttpResponse response = ask("/debug/pprof/heap?gc=1");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(header(response, "Content-Type"), "application/octet-stream");
  EXPECT_EQ(header(response, "Cache-Control"), "no-store");
  const auto profile = profile::decode_pprof(response.body);
  ASSERT_TRUE(profile) << profile.error().what;
  EXPECT_GT(profile->samples.size(), 0u);
  EXPECT_EQ(ask("/debug/pprof/heap?seconds=0").status, 400);
  EXPECT_THAT(ask("/pprof/heap").body, HasSubstr("heap profile:"));
  EXPECT_EQ(ask("/pprof/symbol", "HEAD").status, 200);
  EXPECT_EQ(ask("/debug/pprof/nothing").status, 404);
  EXPECT_EQ(ask("").status, 404);
  EXPECT_EQ(ask("/debug/pprof/h%65ap").status, 200);
}

TEST(Handle, SaysSoWhereNoSessionIsOpen) {
  EXPECT_EQ(ask("/debug/pprof/heap").status, 503);
  { auto heap = Session::open(); }
  const HttpResponse response = ask("/debug/pprof/heap");
  EXPECT_EQ(response.status, 503);
  EXPECT_THAT(response.body, HasSubstr("no Holdfast session is open"));
}

TEST(Handle, RefusesPagesOfOtherSitesAndEndlessBodies) {
  auto heap = Session::open();
  ASSERT_TRUE(heap);
  const auto status = [](std::vector<std::pair<std::string, std::string>> headers, std::string body = "") {
    return handle({.method = "POST",
                   .target = "/pprof/symbol",
                   .headers = std::move(headers),
                   .body = std::move(body)})
        .status;
  };
  EXPECT_EQ(status({{"HOST", "shop.example"}}), 200);
  EXPECT_EQ(status({{"Host", "shop.example"}, {"Origin", "https://shop.example"}}), 200);
  EXPECT_EQ(status({{"Host", "shop.example"}, {"ORIGIN", "https://evil.example"}}), 403);
  EXPECT_EQ(status({{"Host", "shop.example"}, {"Sec-Fetch-Site", "cross-site"}}), 403);
  EXPECT_EQ(status({{"Host", "shop.example"}}, std::string((1 << 20) + 1, 'x')), 413);
}

TEST(Handle, EndsItsDeltasWhenTheSessionCloses) {
  auto heap = Session::open();
  ASSERT_TRUE(heap);
  std::atomic<bool> waits{false};
  int status = 0;
  std::thread client([&] {
    status = handle({.target = "/debug/pprof/heap?seconds=300",
                     .client_waits =
                         [&] {
                           waits = true;
                           return true;
                         }})
                 .status;
  });
  while (!waits) std::this_thread::yield();
  heap->close();  // returns only when nobody is inside any more
  client.join();
  EXPECT_EQ(status, 503);
  EXPECT_EQ(ask("/").status, 503);
}

TEST(Handle, AnswersManyThreadsWhileSessionsComeAndGo) {
  std::atomic<bool> done{false};
  std::atomic<int> strange{0};
  std::vector<std::thread> clients;
  for (int i = 0; i < 4; ++i) {
    clients.emplace_back([&] {
      while (!done) {
        const int status = ask("/pprof/symbol?0x1").status;
        if (status != 200 && status != 503) ++strange;
      }
    });
  }
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(Session::open());
  done = true;
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(strange, 0);
}

TEST(Handle, LeavesAForkedChildWithoutAnEndpoint) {
  auto heap = Session::open();
  ASSERT_TRUE(heap);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    ::alarm(30);
    const int status = ask("/debug/pprof/heap").status;
    heap->close();
    // It may open a session of its own.
    auto own = Session::open();
    ::_exit(status == 503 && own && ask("/debug/pprof/heap").status == 200 ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(ask("/debug/pprof/heap").status, 200);
}

}  // namespace
}  // namespace holdfast
