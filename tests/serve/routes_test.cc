#include "serve/routes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>
#include <thread>

#include "canned_sources.h"
#include "profile/legacy_text.h"
#include "profile/pprof.h"

namespace holdfast::serve {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

Request get(const std::string& path, std::multimap<std::string, std::string> query = {}) {
  Request request;
  request.method = "GET";
  request.path = path;
  request.query = std::move(query);
  return request;
}

std::string header(const Response& response, const std::string& name) {
  for (const auto& [known, value] : response.headers) {
    if (known == name) return value;
  }
  return {};
}

class RoutesTest : public ::testing::Test {
 protected:
  Response ask(const std::string& path, std::multimap<std::string, std::string> query = {}) {
    return routes_.handle(get(path, std::move(query)));
  }
  Routes routes_{holdfast::testing::canned_sources()};
};

TEST_F(RoutesTest, TheHeapIsAnAttachmentThatPprofReads) {
  const Response response = ask("/debug/pprof/heap");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(header(response, "Content-Type"), "application/octet-stream");
  EXPECT_EQ(header(response, "Content-Disposition"), "attachment; filename=\"heap\"");
  EXPECT_EQ(header(response, "X-Content-Type-Options"), "nosniff");
  const auto decoded = profile::decode_pprof(response.body);
  ASSERT_TRUE(decoded) << decoded.error().what;
  EXPECT_EQ(decoded->default_sample_type, "inuse_space");
  EXPECT_EQ(decoded->samples.size(), 2u);
  EXPECT_EQ(decoded->duration_nanos, 0);
}

TEST_F(RoutesTest, AllocsIsTheSameHeapSeenByWhatWasAllocated) {
  const Response response = ask("/debug/pprof/allocs");
  EXPECT_EQ(header(response, "Content-Disposition"), "attachment; filename=\"allocs\"");
  const auto decoded = profile::decode_pprof(response.body);
  ASSERT_TRUE(decoded);
  EXPECT_EQ(decoded->default_sample_type, "alloc_space");
  EXPECT_EQ(decoded->samples.size(), 2u);
}

TEST_F(RoutesTest, GcIsAcceptedAndDebugZeroIsTheProfile) {
  const std::string body = ask("/debug/pprof/heap").body;
  EXPECT_EQ(ask("/debug/pprof/heap", {{"gc", "1"}}).body, body);
  EXPECT_EQ(ask("/debug/pprof/heap", {{"debug", "0"}}).body, body);
}

TEST_F(RoutesTest, DebugAndTheTwinOfThePerlToolsAreLegacyText) {
  const Response response = ask("/debug/pprof/heap", {{"debug", "1"}});
  EXPECT_EQ(response.status, 200);
  EXPECT_THAT(header(response, "Content-Type"), HasSubstr("text/plain"));
  EXPECT_TRUE(profile::is_legacy_text(response.body)) << response.body.substr(0, 60);
  EXPECT_EQ(ask("/pprof/heap").body, response.body);
}

TEST_F(RoutesTest, TheArgumentsHaveNoTrailingNul) {
  for (const char* path : {"/debug/pprof/cmdline", "/pprof/cmdline"}) {
    const Response response = ask(path);
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.body, std::string("/opt/canned/server\0--port\0"
                                         "80",
                                         28))
        << path;
  }
  Sources sources = holdfast::testing::canned_sources();
  sources.command_line = [] { return std::string("./a\0\0", 5); };
  EXPECT_EQ(Routes(std::move(sources)).handle(get("/pprof/cmdline")).body, "./a");
}

TEST_F(RoutesTest, TheIndexTellsTheFactsEscapedAndCommandsToPaste) {
  Request request = get("/debug/pprof/");
  request.headers.emplace("host", "127.0.0.1:6060\"><script>");
  const Response response = routes_.handle(request);
  EXPECT_EQ(response.status, 200);
  EXPECT_THAT(header(response, "Content-Type"), HasSubstr("text/html"));
  EXPECT_THAT(header(response, "Content-Security-Policy"), HasSubstr("default-src 'none'"));
  EXPECT_THAT(response.body, HasSubstr("glibc &lt;2.36&gt;"));
  EXPECT_THAT(response.body, HasSubstr("go tool pprof -top http://127.0.0.1:6060"));
  EXPECT_THAT(response.body, Not(HasSubstr("<script>")));
}

TEST_F(RoutesTest, TheRootLeadsToTheIndex) {
  for (const char* path : {"/", "/debug/pprof"}) {
    const Response response = ask(path);
    EXPECT_EQ(response.status, 302);
    EXPECT_EQ(header(response, "Location"), "/debug/pprof/");
  }
}

TEST_F(RoutesTest, WhatIsNotHereIsRefusedInTheFormThatPprofPrints) {
  for (const char* path : {"/debug/pprof/profile", "/pprof/profile", "/debug/pprof/goroutine", "/favicon.ico",
                           "", "/debug/pprof/heap/", "/debug/pprof/../heap", "*"}) {
    const Response response = ask(path);
    EXPECT_EQ(response.status, 404) << path;
    EXPECT_EQ(header(response, "X-Go-Pprof"), "1") << path;
    EXPECT_THAT(header(response, "Content-Type"), HasSubstr("text/plain")) << path;
    EXPECT_THAT(response.body, HasSubstr("/debug/pprof/heap")) << path;
  }
}

TEST_F(RoutesTest, OnlySymbolMayBePosted) {
  for (const char* method : {"POST", "PUT", "DELETE", "OPTIONS", "PATCH", ""}) {
    Request request = get("/debug/pprof/heap");
    request.method = method;
    const Response response = routes_.handle(request);
    EXPECT_EQ(response.status, 405) << method;
    EXPECT_EQ(header(response, "Allow"), "GET, HEAD") << method;
    request.path = "/pprof/symbol";
    EXPECT_EQ(routes_.handle(request).status, std::string(method) == "POST" ? 200 : 405) << method;
  }
}

TEST_F(RoutesTest, HeadAnswersLikeGet) {
  for (const char* path :
       {"/debug/pprof/", "/debug/pprof/heap", "/debug/pprof/allocs", "/debug/pprof/symbol",
        "/debug/pprof/cmdline", "/pprof/heap", "/pprof/symbol", "/pprof/cmdline", "/nowhere"}) {
    Request request = get(path);
    const Response by_get = routes_.handle(request);
    request.method = "HEAD";
    const Response by_head = routes_.handle(request);
    EXPECT_EQ(by_head.status, by_get.status) << path;
    EXPECT_EQ(by_head.headers, by_get.headers) << path;
  }
}

TEST_F(RoutesTest, AFailedCollectionIsToldWithItsHint) {
  Sources sources = holdfast::testing::canned_sources();
  sources.heap = [](const std::string&) -> Result<profile::Profile> {
    return Error{"no memory", "free some"};
  };
  Routes routes(std::move(sources));
  const Response response = routes.handle(get("/debug/pprof/heap"));
  EXPECT_EQ(response.status, 503);
  EXPECT_EQ(response.body, "no memory; free some\n");
  EXPECT_EQ(header(response, "X-Go-Pprof"), "1");
}

TEST_F(RoutesTest, AnExceptionBecomesAStatus) {
  Sources sources = holdfast::testing::canned_sources();
  sources.heap = [](const std::string&) -> Result<profile::Profile> { throw std::runtime_error("broken"); };
  Routes routes(std::move(sources));
  EXPECT_EQ(routes.handle(get("/debug/pprof/heap")).status, 500);
  EXPECT_EQ(routes.handle(get("/debug/pprof/heap")).status, 500);  // and not 429: the turn was given back
}

TEST_F(RoutesTest, ASecondCollectionAtTheSameTimeIsToldToComeBack) {
  Routes* self = nullptr;
  Sources sources = holdfast::testing::canned_sources();
  Response inner;
  sources.heap = [&](const std::string&) -> Result<profile::Profile> {
    // While this collection runs, another caller asks.
    std::thread([&] { inner = self->handle(get("/pprof/heap")); }).join();
    return holdfast::testing::canned_profile();
  };
  Routes routes(std::move(sources));
  self = &routes;
  EXPECT_EQ(routes.handle(get("/debug/pprof/heap")).status, 200);
  EXPECT_EQ(inner.status, 429);
  EXPECT_THAT(inner.body, HasSubstr("another collection is in progress"));
  EXPECT_EQ(header(inner, "X-Go-Pprof"), "1");
  EXPECT_EQ(header(inner, "Retry-After"), "1");
}

TEST(Queries, AreTakenApartAndDecoded) {
  EXPECT_EQ(parse_query("a=1&b=%20x+y&&c&=d&e=%zz%4&f=%41"),
            (std::multimap<std::string, std::string>{
                {"", "d"}, {"a", "1"}, {"b", " x y"}, {"c", ""}, {"e", "%zz%4"}, {"f", "A"}}));
  EXPECT_TRUE(parse_query("").empty());
  EXPECT_EQ(decode_percent("/a+b%2f%", false), "/a+b/%");
}

TEST(Queries, GoBeforeTheFieldsOfAForm) {
  Request request;
  request.body = "on=1&interval=64KiB";
  EXPECT_EQ(parameter_or_field(request, "on"), "");
  request.headers.emplace("content-type", "application/x-www-form-urlencoded; charset=utf-8");
  EXPECT_EQ(parameter_or_field(request, "interval"), "64KiB");
  request.query.emplace("on", "0");
  EXPECT_EQ(parameter_or_field(request, "on"), "0");
}

class MoreRoutes : public ::testing::Test {
 protected:
  MoreRoutes() {
    Sources sources = holdfast::testing::canned_sources();
    sources.more = {
        {.path = "/metrics",
         .about = "numbers & more",
         .answer = [](const Request&) { return text(200, "up 1\n"); }},
        {.path = "/debug/holdfast/do", .is_post = true, .collects = true, .answer = [this](const Request& r) {
           if (during_) during_();
           return text(200, "did " + r.body);
         }}};
    routes_.emplace(std::move(sources));
  }
  Response ask(const std::string& method, const std::string& path) {
    Request request = get(path);
    request.method = method;
    request.body = "it";
    return routes_->handle(request);
  }
  std::function<void()> during_;
  std::optional<Routes> routes_;
};

TEST_F(MoreRoutes, AnswerOnlyToTheirOwnMethod) {
  EXPECT_EQ(ask("GET", "/metrics").body, "up 1\n");
  EXPECT_EQ(ask("HEAD", "/metrics").status, 200);
  EXPECT_EQ(ask("POST", "/metrics").status, 405);
  EXPECT_EQ(ask("POST", "/debug/holdfast/do").body, "did it");
  for (const char* method : {"GET", "HEAD", "PUT"}) {
    const Response response = ask(method, "/debug/holdfast/do");
    EXPECT_EQ(response.status, 405) << method;
    EXPECT_EQ(header(response, "Allow"), "POST") << method;
  }
}

TEST_F(MoreRoutes, TakeTheTurnAtCollectingWhereTheySaySo) {
  std::vector<int> statuses;
  during_ = [&] {
    during_ = nullptr;
    for (const char* path : {"/debug/pprof/heap", "/metrics"}) statuses.push_back(ask("GET", path).status);
    statuses.push_back(ask("POST", "/debug/holdfast/do").status);
  };
  EXPECT_EQ(ask("POST", "/debug/holdfast/do").status, 200);
  EXPECT_EQ(statuses, (std::vector<int>{429, 200, 429}));
  EXPECT_EQ(ask("GET", "/debug/pprof/heap").status, 200);
}

TEST_F(MoreRoutes, StandInTheIndexWhereTheyTellWhatTheyAre) {
  const std::string page = ask("GET", "/debug/pprof/").body;
  EXPECT_THAT(page, HasSubstr("<a href=\"/metrics\">/metrics</a>: numbers &amp; more"));
  EXPECT_THAT(page, Not(HasSubstr("/debug/holdfast/do")));
}

}  // namespace
}  // namespace holdfast::serve
