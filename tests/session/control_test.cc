// What an operator changes while the program runs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <httplib.h>

#include "session/asking.h"
#include "support/temporary.h"

namespace holdfast {
namespace {

using testing::ask;
using ::testing::HasSubstr;
using testing::header;

TEST(Control, StopsStartsAndTunesTheRecordingByPost) {
  auto heap = Session::open();
  ASSERT_TRUE(heap) << heap.error().what;
  EXPECT_EQ(ask("/debug/holdfast/recording").body, "{\"recording\":true,\"interval_bytes\":524288}\n");
  EXPECT_EQ(ask("/debug/holdfast/recording?on=0", "POST").body,
            "{\"recording\":false,\"interval_bytes\":524288}\n");
  EXPECT_FALSE(heap->recording());
  EXPECT_EQ(ask("/debug/holdfast/recording?on=1&interval=64KiB", "POST").body,
            "{\"recording\":true,\"interval_bytes\":65536}\n");
  EXPECT_TRUE(heap->recording());
  const HttpResponse by_form = handle({.method = "POST",
                                       .target = "/debug/holdfast/recording",
                                       .headers = {{"Content-Type", "application/x-www-form-urlencoded"}},
                                       .body = "interval=exact"});
  EXPECT_EQ(by_form.body, "{\"recording\":true,\"interval_bytes\":1}\n");
}

TEST(Control, RefusesWhatItDoesNotUnderstandAndChangesNothing) {
  auto heap = Session::open();
  ASSERT_TRUE(heap);
  for (const char* query :
       {"", "?on=2", "?on=yes", "?interval=many", "?interval=0", "?interval=9TiB", "?off=1"}) {
    const HttpResponse response = ask(std::string("/debug/holdfast/recording") + query, "POST");
    EXPECT_EQ(response.status, 400) << query;
    EXPECT_FALSE(response.body.empty()) << query;
  }
  EXPECT_EQ(ask("/debug/holdfast/recording").body, "{\"recording\":true,\"interval_bytes\":524288}\n");
  EXPECT_EQ(ask("/debug/holdfast/recording", "PUT").status, 405);
}

TEST(Control, SwitchesTheEndpointOffAndOn) {
  auto heap = Session::open({.listen = "127.0.0.1:0"});
  ASSERT_TRUE(heap) << heap.error().what;
  httplib::Client client(heap->address());
  EXPECT_EQ(client.Get("/debug/pprof/heap")->status, 200);
  EXPECT_EQ(client.Get("/debug/holdfast/endpoint")->status, 405);
  EXPECT_EQ(client.Post("/debug/holdfast/endpoint?on=perhaps")->status, 400);
  EXPECT_EQ(client.Post("/debug/holdfast/endpoint?on=0")->status, 200);
  EXPECT_FALSE(heap->answering());
  for (const char* path : {"/debug/pprof/heap", "/pprof/symbol", "/", "/debug/holdfast/recording"}) {
    EXPECT_EQ(client.Get(path)->status, 503) << path;
    EXPECT_EQ(ask(path).status, 503) << path;
  }
  EXPECT_EQ(client.Post("/debug/holdfast/recording?on=0")->status, 503);
  EXPECT_TRUE(heap->recording());
  EXPECT_EQ(client.Post("/debug/holdfast/endpoint?on=1")->status, 200);
  EXPECT_EQ(client.Get("/debug/pprof/heap")->status, 200);
  heap->set_answering(false);
  EXPECT_EQ(client.Get("/debug/pprof/heap")->status, 503);
  heap->set_answering(true);
  EXPECT_EQ(client.Get("/debug/pprof/heap")->status, 200);
}

TEST(Control, IsForThoseWhoMayAsk) {
  const testing::TemporaryDirectory directory;
  // The SHA-256 of "abc".
  testing::write_text(directory.file("auth"),
                      "bearer:sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\n");
  auto heap = Session::open({.listen = "127.0.0.1:0", .auth_file = directory.file("auth")});
  ASSERT_TRUE(heap) << heap.error().what;
  httplib::Client client(heap->address());
  EXPECT_EQ(client.Post("/debug/holdfast/recording?on=0")->status, 401);
  EXPECT_EQ(ask("/debug/holdfast/recording?on=0", "POST").status, 401);
  EXPECT_TRUE(heap->recording());
  client.set_bearer_token_auth("abc");
  EXPECT_EQ(client.Post("/debug/holdfast/recording?on=0")->status, 200);
  EXPECT_FALSE(heap->recording());
  EXPECT_EQ(
      client.Post("/debug/holdfast/recording?on=1", {{"Origin", "http://evil.example"}}, "", "text/plain")
          ->status,
      403);
  EXPECT_FALSE(heap->recording());
  EXPECT_THAT(Session::open({.auth_file = directory.file("none")}).error().what, HasSubstr("already open"));
  heap->close();
  EXPECT_THAT(Session::open({.auth_file = directory.file("none")}).error().what,
              HasSubstr("cannot read the passwords"));
}

}  // namespace
}  // namespace holdfast
