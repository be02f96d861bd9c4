#include "fetch/source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "support/temporary.h"

namespace holdfast::fetch {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using Kind = Source::Kind;

Source parsed(const std::string& text) {
  auto source = parse_source(text);
  EXPECT_TRUE(source.ok()) << text << ": " << (source ? "" : source.error().what);
  return source ? *source : Source{};
}

TEST(ParseSource, ADashIsStandardInput) { EXPECT_EQ(parsed("-").kind, Kind::standard_input); }

TEST(ParseSource, APlainNameIsAFile) {
  for (const char* text :
       {"heap.pb.gz", "/var/tmp/heap", "./localhost:6060", "heap:latest", "a:b:c", "x:0", "x:70000"}) {
    EXPECT_EQ(parsed(text).kind, Kind::file) << text;
    EXPECT_EQ(parsed(text).path, text);
  }
  EXPECT_EQ(parsed("file:///var/tmp/heap").path, "/var/tmp/heap");
}

TEST(ParseSource, HostAndPortAloneMeanTheHeapProfileThere) {
  const Source source = parsed("localhost:6060");
  EXPECT_EQ(source.kind, Kind::http);
  EXPECT_EQ(source.host, "localhost");
  EXPECT_EQ(source.port, 6060);
  EXPECT_EQ(source.target, "/debug/pprof/heap");
  EXPECT_EQ(parsed(":6060").host, "localhost");
  EXPECT_EQ(parsed("[::1]:6060").host, "::1");
  EXPECT_EQ(parsed("10.0.0.1:80/debug/pprof/allocs").target, "/debug/pprof/allocs");
}

TEST(ParseSource, AFileOfThatNameWinsOverHostAndPort) {
  const testing::TemporaryDirectory directory;
  const std::string path = directory.file("localhost:6060");
  testing::write_text(path, "x");
  EXPECT_EQ(parsed(path).kind, Kind::file);
}

TEST(ParseSource, AUrlWithoutAPathMeansTheHeapProfile) {
  EXPECT_EQ(parsed("http://host").target, "/debug/pprof/heap");
  EXPECT_EQ(parsed("http://host").port, 80);
  EXPECT_EQ(parsed("https://host/").target, "/debug/pprof/heap");
  EXPECT_EQ(parsed("https://host/").port, 443);
  EXPECT_EQ(parsed("http://host:81?seconds=5").target, "/debug/pprof/heap?seconds=5");
  EXPECT_EQ(parsed("http://host/pprof/heap?debug=1#top").target, "/pprof/heap?debug=1");
  EXPECT_EQ(parsed("http://[::1]:81/x").host, "::1");
}

TEST(ParseSource, CredentialsAreDecodedAndNeverShownWhole) {
  const Source source = parsed("http://me:p%40ss%3aword@host:81/x");
  EXPECT_TRUE(source.has_credentials);
  EXPECT_EQ(source.user, "me");
  EXPECT_EQ(source.password, "p@ss:word");
  EXPECT_EQ(source.host, "host");
  EXPECT_EQ(source.shown(), "http://me@host:81/x");
  EXPECT_EQ(parsed("http://me:@host").password, "");
  EXPECT_FALSE(parsed("http://host").has_credentials);
  const auto wrong_port = parse_source("http://me:secret@host:port/");
  ASSERT_FALSE(wrong_port.ok());
  EXPECT_THAT(wrong_port.error().what, Not(HasSubstr("secret")));
}

TEST(ParseSource, AUnixSocketMayCarryAUrlPath) {
  EXPECT_EQ(parsed("unix:/run/heap.sock").path, "/run/heap.sock");
  EXPECT_EQ(parsed("unix:/run/heap.sock").target, "/debug/pprof/heap");
  EXPECT_EQ(parsed("unix:///run/heap.sock").path, "/run/heap.sock");
  EXPECT_EQ(parsed("unix:/run/a:b.sock:/debug/pprof/allocs").path, "/run/a:b.sock");
  EXPECT_EQ(parsed("unix:/run/a:b.sock:/debug/pprof/allocs").target, "/debug/pprof/allocs");
  EXPECT_EQ(parsed("unix:relative.sock").path, "relative.sock");
}

TEST(ParseSource, RefusesWhatCannotBeMeant) {
  for (const char* text :
       {"", "unix:", "ftp://host/x", "http://", "http:///path", "http://host:99999/", "http://host:/",
        "http://a:b:c/", "http://[::1/", "http://host/a\r\nX-Injected: 1", "https://user@"}) {
    const auto source = parse_source(text);
    ASSERT_FALSE(source.ok()) << text;
    EXPECT_NE(source.error().what, "") << text;
    EXPECT_NE(source.error().hint, "") << text;
  }
}

TEST(FollowRedirect, StaysOnTheSameServer) {
  const Source from = parsed("http://me:secret@host:81/a");
  EXPECT_EQ(follow_redirect(from, "/b?c=1")->target, "/b?c=1");
  EXPECT_EQ(follow_redirect(from, "http://host:81/b")->target, "/b");
  EXPECT_EQ(follow_redirect(from, "http://host:81/b")->password, "secret");
}

TEST(FollowRedirect, RefusesAnotherHostPortOrScheme) {
  const Source from = parsed("http://host:81/a");
  for (const char* location : {"http://host:82/b", "http://other:81/b", "https://host:81/b", "//other/b",
                               "unix:/run/x", "file:///etc/passwd", "b", "", "/a\r\nX: y"}) {
    EXPECT_FALSE(follow_redirect(from, location).ok()) << location;
  }
}

}  // namespace
}  // namespace holdfast::fetch
