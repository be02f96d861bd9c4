#include "serve/access.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holdfast::serve {
namespace {

using ::testing::HasSubstr;

TEST(ListenAddresses, AreLoopbackAddressesAndUnixSockets) {
  const struct {
    const char* text;
    const char* host;
    int port;
    const char* path;
  } cases[] = {
      {"127.0.0.1:6060", "127.0.0.1", 6060, ""},
      {"localhost:0", "localhost", 0, ""},
      {"LOCALHOST:1", "localhost", 1, ""},
      {":6060", "127.0.0.1", 6060, ""},
      {"[::1]:6060", "::1", 6060, ""},
      {"127.9.8.7:65535", "127.9.8.7", 65535, ""},
      {"unix:/run/heap.sock", "", 0, "/run/heap.sock"},
  };
  for (const auto& c : cases) {
    const auto address = parse_listen_address(c.text);
    ASSERT_TRUE(address) << c.text << ": " << address.error().what;
    EXPECT_EQ(address->host, c.host) << c.text;
    EXPECT_EQ(address->port, c.port) << c.text;
    EXPECT_EQ(address->unix_path, c.path) << c.text;
  }
}

TEST(ListenAddresses, OfANetworkAreRefusedWithAWayOut) {
  for (const char* text : {"0.0.0.0:6060", "[::]:6060", "192.168.1.1:6060", "example.com:80",
                           "127.evil.com:80", "localhost.evil.com:80"}) {
    const auto address = parse_listen_address(text);
    ASSERT_FALSE(address) << text;
    EXPECT_THAT(address.error().what, HasSubstr("loopback")) << text;
    EXPECT_THAT(address.error().hint, HasSubstr("ssh -L")) << text;
  }
}

TEST(ListenAddresses, ThatAreNoneAreRefusedWithAnExample) {
  for (const std::string text :
       {"", "6060", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536", "127.0.0.1:-1", "::1:6060",
        "[::1", "[::1]6060", "unix:", "http://127.0.0.1:80", "127.0.0.1:80 "}) {
    const auto address = parse_listen_address(text);
    ASSERT_FALSE(address) << text;
    EXPECT_FALSE(address.error().hint.empty()) << text;
  }
  EXPECT_FALSE(parse_listen_address("unix:" + std::string(108, 'p')));
  EXPECT_TRUE(parse_listen_address("unix:" + std::string(107, 'p')));
}

bool refused(const std::multimap<std::string, std::string>& headers, const std::string& unix_path = "") {
  Request request;
  request.method = "GET";
  request.headers = headers;
  const auto refusal = refuse_stranger(request, {unix_path.empty() ? "127.0.0.1" : "", 6060, unix_path});
  if (refusal) {
    EXPECT_EQ(refusal->status, 403);
  }
  return refusal.has_value();
}

TEST(Strangers, AreKnownByAHostThatIsNotTheLoopback) {
  for (const char* host :
       {"127.0.0.1:6060", "localhost:6060", "LocalHost:6060", "[::1]:6060", "localhost", "127.0.0.1:8080"}) {
    EXPECT_FALSE(refused({{"host", host}})) << host;
  }
  for (const char* host : {"evil.com", "evil.com:6060", "127.0.0.1.evil.com", "localhost.evil.com", "",
                           "[::1", "a:b:c", "192.168.0.1:6060", "[::2]:6060"}) {
    EXPECT_TRUE(refused({{"host", host}})) << host;
  }
  EXPECT_TRUE(refused({}));
  EXPECT_TRUE(refused({{"host", "localhost"}, {"host", "evil.com"}}));
}

TEST(Strangers, MayNameAnyHostAtAUnixSocketWhichNoPageCanReach) {
  EXPECT_FALSE(refused({{"host", "heap"}}, "/run/heap.sock"));
  EXPECT_FALSE(refused({}, "/run/heap.sock"));
}

TEST(Strangers, ArePagesOfOtherSites) {
  const std::pair<std::string, std::string> host = {"host", "127.0.0.1:6060"};
  for (const char* site : {"cross-site", "same-site", "anything"})
    EXPECT_TRUE(refused({host, {"sec-fetch-site", site}})) << site;
  for (const char* site : {"same-origin", "none"})
    EXPECT_FALSE(refused({host, {"sec-fetch-site", site}})) << site;
  for (const char* origin : {"http://evil.com", "null", "https://127.0.0.1:6060", "http://127.0.0.1:6061"}) {
    EXPECT_TRUE(refused({host, {"origin", origin}})) << origin;
  }
  EXPECT_FALSE(refused({host, {"origin", "http://127.0.0.1:6060"}}));
}

}  // namespace
}  // namespace holdfast::serve
