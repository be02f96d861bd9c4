#include "fetch/fetch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "support/http_server.h"
#include "support/raw_server.h"
#include "support/temporary.h"

namespace holdfast::fetch {
namespace {

using namespace std::chrono_literals;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using testing::HttpServer;
using ::testing::Not;
using testing::RawServer;
using ::testing::StartsWith;
using testing::TemporaryDirectory;

// The error of a fetch that must fail.
Error failure_of(const std::string& source, const FetchOptions& options = {}) {
  const auto bytes = fetch(source, options);
  EXPECT_FALSE(bytes.ok()) << source << " gave " << bytes->size() << " bytes";
  if (bytes.ok()) return {};
  EXPECT_THAT(bytes.error().what, Not(HasSubstr("\n"))) << "an error is one line";
  return bytes.error();
}

TEST(FetchFile, ReturnsTheBytes) {
  const TemporaryDirectory directory;
  testing::write_text(directory.file("heap"), std::string("a\0b", 3));
  const auto bytes = fetch(directory.file("heap"));
  ASSERT_TRUE(bytes.ok()) << bytes.error().what;
  EXPECT_EQ(*bytes, std::string("a\0b", 3));
}

TEST(FetchFile, SaysWhatIsWrongWithIt) {
  const TemporaryDirectory directory;
  const Error missing = failure_of(directory.file("none"));
  EXPECT_THAT(missing.what, HasSubstr("No such file"));
  EXPECT_THAT(missing.hint, HasSubstr("host:port"));

  EXPECT_THAT(failure_of(directory.path()).what, EndsWith("is a directory"));

  testing::write_text(directory.file("empty"), "");
  EXPECT_THAT(failure_of(directory.file("empty")).what, EndsWith("is empty"));

  testing::write_text(directory.file("huge"), std::string(101, 'x'));
  EXPECT_THAT(failure_of(directory.file("huge"), {.max_bytes = 100}).what, HasSubstr("larger than 100 B"));

  if (::geteuid() != 0) {
    ::chmod(directory.file("huge").c_str(), 0);
    EXPECT_THAT(failure_of(directory.file("huge")).what, HasSubstr("Permission denied"));
  }
}

TEST(FetchHttp, AsksForTheHeapProfileWhereOnlyHostAndPortAreNamed) {
  HttpServer server;
  server.routes().Get("/debug/pprof/heap", [](const httplib::Request& request, httplib::Response& response) {
    response.set_content("heap seconds=" + request.get_param_value("seconds"), "application/octet-stream");
  });
  server.start();
  for (const std::string& source :
       {server.address(), "http://" + server.address(), "http://" + server.address() + "/"}) {
    const auto bytes = fetch(source);
    ASSERT_TRUE(bytes.ok()) << bytes.error().what;
    EXPECT_EQ(*bytes, "heap seconds=");
  }
  EXPECT_EQ(fetch(server.address() + "/debug/pprof/heap?seconds=5").value(), "heap seconds=5");
}

TEST(FetchHttp, UndoesTheContentEncodingAndNothingElse) {
  HttpServer server;
  const std::string text(10'000, 'x');
  const std::string gzip_like = "\x1f\x8b raw bytes that only look packed";
  // httplib packs text answers for clients that accept it.
  server.routes().Get("/text", [&](const httplib::Request&, httplib::Response& response) {
    response.set_content(text, "text/plain");
  });
  server.routes().Get("/raw", [&](const httplib::Request&, httplib::Response& response) {
    response.set_content(gzip_like, "application/octet-stream");
  });
  server.start();
  EXPECT_EQ(fetch(server.address() + "/text").value(), text);
  EXPECT_EQ(fetch(server.address() + "/raw").value(), gzip_like);
}

TEST(FetchHttp, SendsBasicCredentialsFromTheUrl) {
  HttpServer server;
  server.routes().Get("/debug/pprof/heap", [](const httplib::Request& request, httplib::Response& response) {
    const bool is_known = request.get_header_value("Authorization") == "Basic bWU6cEBzcw==";  // me:p@ss
    response.status = is_known ? 200 : 401;
    response.set_content(is_known ? "heap" : "who are you?\nmore", "text/plain");
  });
  server.start();
  EXPECT_EQ(fetch("http://me:p%40ss@" + server.address()).value(), "heap");

  const Error without = failure_of(server.address());
  EXPECT_THAT(without.what, EndsWith("answered 401: who are you?"));
  EXPECT_THAT(without.hint, HasSubstr("user:password@"));

  const Error wrong = failure_of("http://me:guess@" + server.address());
  EXPECT_THAT(wrong.hint, HasSubstr("check the user and password"));
  EXPECT_THAT(wrong.what, Not(HasSubstr("guess")));
}

TEST(FetchHttp, QuotesTheFirstLineOfAnErrorMadePrintable) {
  HttpServer server;
  server.routes().Get("/busy", [](const httplib::Request&, httplib::Response& response) {
    response.status = 429;
    response.set_content("\n  one at a time\x1b[2J\nsecond line", "text/plain");
  });
  server.routes().Get("/long", [](const httplib::Request&, httplib::Response& response) {
    response.status = 500;
    response.set_content(std::string(1'000'000, 'e'), "text/plain");
  });
  server.start();
  const Error busy = failure_of(server.address() + "/busy");
  EXPECT_EQ(busy.what, "http://" + server.address() + "/busy answered 429: one at a time.[2J");
  EXPECT_THAT(busy.hint, HasSubstr("try again"));
  const Error broken = failure_of(server.address() + "/long");
  EXPECT_THAT(broken.what, HasSubstr("answered 500: eee"));
  EXPECT_LT(broken.what.size(), 300u);
  const Error missing = failure_of(server.address() + "/none");
  EXPECT_THAT(missing.what, HasSubstr("answered 404"));
  EXPECT_THAT(missing.hint, HasSubstr("/debug/pprof/heap"));
}

TEST(FetchHttp, FollowsRedirectsOnTheSameServerOnly) {
  HttpServer other;
  other.routes().Get("/heap", [](const httplib::Request&, httplib::Response& response) {
    response.set_content("elsewhere", "text/plain");
  });
  other.start();
  HttpServer server;
  server.routes().Get("/moved", [](const httplib::Request&, httplib::Response& response) {
    response.set_redirect("/heap", 307);
  });
  server.routes().Get("/heap", [](const httplib::Request&, httplib::Response& response) {
    response.set_content("heap", "application/octet-stream");
  });
  server.routes().Get("/away", [&](const httplib::Request&, httplib::Response& response) {
    response.set_redirect("http://" + other.address() + "/heap");
  });
  server.routes().Get("/circle", [](const httplib::Request&, httplib::Response& response) {
    response.set_redirect("/circle");
  });
  server.routes().Get("/nowhere",
                      [](const httplib::Request&, httplib::Response& response) { response.status = 302; });
  server.start();
  EXPECT_EQ(fetch(server.address() + "/moved").value(), "heap");
  EXPECT_THAT(failure_of(server.address() + "/away").what,
              HasSubstr("another server: http://" + other.address()));
  EXPECT_THAT(failure_of(server.address() + "/circle").what, HasSubstr("in circles"));
  EXPECT_THAT(failure_of(server.address() + "/nowhere").what, HasSubstr("redirects to nowhere"));
}

TEST(FetchHttp, RefusesAnAnswerThatIsEmptyAWebPageOrTooLarge) {
  HttpServer server;
  server.routes().Get("/empty", [](const httplib::Request&, httplib::Response& response) {
    response.set_content("", "application/octet-stream");
  });
  server.routes().Get("/page", [](const httplib::Request&, httplib::Response& response) {
    response.set_content("<html>hello</html>", "text/html; charset=utf-8");
  });
  server.routes().Get("/endless", [](const httplib::Request&, httplib::Response& response) {
    response.set_chunked_content_provider("application/octet-stream",
                                          [](std::size_t, httplib::DataSink& sink) {
                                            const std::string chunk(64 * 1024, 'x');
                                            return sink.write(chunk.data(), chunk.size());
                                          });
  });
  server.routes().Get("/bomb", [](const httplib::Request&, httplib::Response& response) {
    response.set_content(std::string(4 << 20, '\0'), "text/plain");  // travels packed, about 4 KiB
  });
  server.start();
  const FetchOptions small{.max_bytes = 1 << 20};
  EXPECT_THAT(failure_of(server.address() + "/empty").what, HasSubstr("answered with nothing"));
  EXPECT_THAT(failure_of(server.address() + "/page").what, HasSubstr("web page, not a heap profile"));
  EXPECT_THAT(failure_of(server.address() + "/endless", small).what, HasSubstr("answered more than 1.0 MiB"));
  EXPECT_THAT(failure_of(server.address() + "/bomb", small).what, HasSubstr("answered more than 1.0 MiB"));
}

TEST(FetchHttp, SaysWhenNobodyListens) {
  const Error refused = failure_of("127.0.0.1:" + std::to_string(testing::unused_port()));
  EXPECT_THAT(refused.what, StartsWith("cannot connect to 127.0.0.1:"));
  EXPECT_THAT(refused.what, EndsWith("Connection refused"));
  EXPECT_THAT(refused.hint, HasSubstr("check that the program runs"));
}

TEST(FetchHttp, SaysWhenTheHostIsUnknown) {
  // .invalid is reserved for names that never exist.
  const Error unknown = failure_of("http://no-such-host.invalid:6060");
  EXPECT_THAT(unknown.what, StartsWith("unknown host no-such-host.invalid"));
  EXPECT_THAT(unknown.hint, HasSubstr("spelling"));
}

TEST(FetchHttp, SaysWhenTheAnswerIsNotHttpOrBreaksOff) {
  const RawServer not_http("220 mail.example ESMTP\r\n");
  EXPECT_THAT(failure_of(not_http.address()).what, HasSubstr("without an HTTP answer"));

  const RawServer mute("");
  const Error closed = failure_of(mute.address());
  EXPECT_THAT(closed.what, HasSubstr("without an HTTP answer"));
  EXPECT_THAT(closed.hint, HasSubstr("https"));

  const RawServer broken("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nonly this");
  EXPECT_THAT(failure_of(broken.address()).what, HasSubstr("broke off its answer after 9 B"));

  const RawServer lying("HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\nx");
  EXPECT_FALSE(fetch(lying.address(), {.max_bytes = 1000}).ok());
}

TEST(FetchHttp, GivesUpOnAServerThatSaysNothing) {
  const RawServer silent("", RawServer::Afterwards::keep_silent);
  const Error timeout = failure_of(silent.address(), {.timeout = 100ms});
  EXPECT_THAT(timeout.what, EndsWith("said nothing for 100 ms"));
  EXPECT_THAT(timeout.hint, HasSubstr("--timeout"));

  const RawServer stuck("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf",
                        RawServer::Afterwards::keep_silent);
  EXPECT_THAT(failure_of(stuck.address(), {.timeout = 100ms}).what, HasSubstr("said nothing for 100 ms"));
}

TEST(FetchUnix, AsksTheSocketForTheHeapProfileAsLocalhost) {
  const TemporaryDirectory directory;
  const RawServer server(directory.file("heap.sock"), testing::http_answer("heap"));
  EXPECT_EQ(fetch("unix:" + directory.file("heap.sock")).value(), "heap");
  EXPECT_EQ(fetch("unix:" + directory.file("heap.sock") + ":/debug/pprof/allocs").value(), "heap");
  ASSERT_EQ(server.requests().size(), 2u);
  EXPECT_THAT(server.requests()[0], StartsWith("GET /debug/pprof/heap HTTP/1.1\r\n"));
  EXPECT_THAT(server.requests()[0], HasSubstr("Host: localhost\r\n"));
  EXPECT_THAT(server.requests()[1], StartsWith("GET /debug/pprof/allocs HTTP/1.1\r\n"));
}

TEST(FetchUnix, SaysWhyTheSocketCannotBeReached) {
  const TemporaryDirectory directory;
  const Error missing = failure_of("unix:" + directory.file("none.sock"));
  EXPECT_THAT(missing.what, HasSubstr("No such file"));
  EXPECT_THAT(missing.hint, HasSubstr("while the program runs"));

  testing::write_text(directory.file("plain"), "x");
  EXPECT_THAT(failure_of("unix:" + directory.file("plain")).what, HasSubstr("Connection refused"));

  EXPECT_THAT(failure_of("unix:/" + std::string(200, 'x')).what, HasSubstr("longer than 107 bytes"));
}

}  // namespace
}  // namespace holdfast::fetch
