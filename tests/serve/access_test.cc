#include "serve/access.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <sys/stat.h>

#include <filesystem>

#include "serve/listen_address.h"
#include "support/temporary.h"

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

TEST(ListenAddresses, OfANetworkAreKnownFromThoseOfThisMachine) {
  for (const char* text : {"0.0.0.0:6060", "[::]:6060", "192.168.1.1:6060", "[::2]:1"}) {
    const auto address = parse_listen_address(text);
    ASSERT_TRUE(address) << text << ": " << address.error().what;
    EXPECT_FALSE(is_local(*address)) << text;
  }
  for (const char* text : {"127.0.0.1:0", "[::1]:1", "localhost:1", ":1", "127.3.4.5:1", "unix:/run/heap"})
    EXPECT_TRUE(is_local(*parse_listen_address(text))) << text;
}

TEST(ListenAddresses, ThatAreNoneAreRefusedWithAnExample) {
  for (const std::string text :
       {"", "6060", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536", "127.0.0.1:-1", "::1:6060",
        "[::1", "[::1]6060", "unix:", "http://127.0.0.1:80", "127.0.0.1:80 ", "example.com:80",
        "127.evil.com:80", "localhost.evil.com:80"}) {
    const auto address = parse_listen_address(text);
    ASSERT_FALSE(address) << text;
    EXPECT_FALSE(address.error().hint.empty()) << text;
  }
  EXPECT_FALSE(parse_listen_address("unix:" + std::string(108, 'p')));
  EXPECT_TRUE(parse_listen_address("unix:" + std::string(107, 'p')));
}

Door door(Door::Kind kind, bool is_tls = false) { return {.kind = kind, .is_tls = is_tls}; }

Request request_with(std::multimap<std::string, std::string> headers) {
  Request request;
  request.method = "GET";
  request.headers = std::move(headers);
  return request;
}

bool refused(const std::multimap<std::string, std::string>& headers, Door at = door(Door::Kind::loopback),
             std::vector<std::string> allowed_hosts = {}) {
  const auto access = Access::open({.auth_file = {}, .allowed_hosts = std::move(allowed_hosts)});
  const auto refusal = (*access)->refuse(request_with(headers), at);
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
  for (const Door::Kind kind : {Door::Kind::unix, Door::Kind::host}) {
    EXPECT_FALSE(refused({{"host", "heap"}}, door(kind)));
    EXPECT_FALSE(refused({}, door(kind)));
  }
}

TEST(Strangers, MayBeGivenNames) {
  EXPECT_FALSE(refused({{"host", "Heap.Example:6060"}}, door(Door::Kind::loopback), {"heap.example"}));
  EXPECT_FALSE(refused({{"host", "localhost"}}, door(Door::Kind::loopback), {"heap.example"}));
  EXPECT_TRUE(refused({{"host", "evil.example"}}, door(Door::Kind::loopback), {"heap.example"}));
  EXPECT_FALSE(refused({{"host", "anything:1"}}, door(Door::Kind::network)));
  EXPECT_TRUE(refused({}, door(Door::Kind::network)));
  EXPECT_TRUE(refused({{"host", "10.0.0.1"}}, door(Door::Kind::network), {"heap.example"}));
  EXPECT_FALSE(refused({{"host", "heap.example"}}, door(Door::Kind::network), {"HEAP.example"}));
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
  EXPECT_FALSE(refused({host, {"origin", "https://127.0.0.1:6060"}}, door(Door::Kind::loopback, true)));
  EXPECT_TRUE(refused({host, {"origin", "http://127.0.0.1:6060"}}, door(Door::Kind::loopback, true)));
  EXPECT_FALSE(refused({host, {"origin", "https://127.0.0.1:6060"}}, door(Door::Kind::host)));
}

class Passwords : public ::testing::Test {
 protected:
  // "open sesame" as crypt(5) writes it, cheap so that the tests are quick.
  static constexpr const char* kSesame =
      "$6$rounds=1000$holdfast$6wDQXwAknQTh/"
      "k7naErHdwnqoLHLVciBBCMwhE00s8lfjgXXmoKkryNdp5prVBu1.3ysF3NZxZXMmuAeMMYb2/";
  std::string header(const std::string& name, const std::string& password) {
    const std::string pair = name + ":" + password;
    std::string encoded(pair.size() * 2 + 4, '\0');
    encoded.resize(static_cast<std::size_t>(
        EVP_EncodeBlock(reinterpret_cast<unsigned char*>(encoded.data()),
                        reinterpret_cast<const unsigned char*>(pair.data()), static_cast<int>(pair.size()))));
    return "Basic " + encoded;
  }
  void write(const std::string& text) { holdfast::testing::write_text(file_, text); }
  void open() {
    auto opened = Access::open({.auth_file = file_, .allowed_hosts = {}});
    ASSERT_TRUE(opened) << opened.error().what;
    access_ = std::move(opened).value();
  }
  std::string error_of(const std::string& text) {
    write(text);
    const auto opened = Access::open({.auth_file = file_, .allowed_hosts = {}});
    return opened ? "" : opened.error().what + "; " + opened.error().hint;
  }
  int status(const std::string& authorization) {
    const auto refusal = access_->refuse(
        request_with({{"host", "localhost"}, {"authorization", authorization}}), door(Door::Kind::loopback));
    return refusal ? refusal->status : 200;
  }

  holdfast::testing::TemporaryDirectory directory_;
  std::string file_ = directory_.file("auth");
  std::unique_ptr<Access> access_;
};

TEST_F(Passwords, LetInWhoHasOne) {
  write(std::string("# operators\n\nann:") + kSesame + "\r\nbob:" + kSesame + "\n");
  open();
  EXPECT_TRUE(access_->asks_for_password());
  for (const char* name : {"ann", "bob", "ann"}) EXPECT_EQ(status(header(name, "open sesame")), 200) << name;
  EXPECT_EQ(status(header("ann", "open barley")), 401);
  EXPECT_EQ(status(header("eve", "open sesame")), 401);
  EXPECT_EQ(status(header("", "")), 401);
  const auto refusal = access_->refuse(request_with({{"host", "localhost"}}), door(Door::Kind::loopback));
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->status, 401);
  EXPECT_THAT(refusal->headers, ::testing::Contains(::testing::Pair(
                                    "WWW-Authenticate", "Basic realm=\"holdfast\", charset=\"UTF-8\"")));
}

TEST_F(Passwords, AreAskedForAtEveryDoor) {
  write(std::string("ann:") + kSesame);
  open();
  for (const Door::Kind kind :
       {Door::Kind::loopback, Door::Kind::unix, Door::Kind::network, Door::Kind::host}) {
    EXPECT_TRUE(access_->refuse(request_with({{"host", "localhost"}}), door(kind)));
    EXPECT_FALSE(access_->refuse(
        request_with({{"host", "localhost"}, {"authorization", header("ann", "open sesame")}}), door(kind)));
  }
}

TEST_F(Passwords, MayBeTokens) {
  // SHA-256 of "abc" (FIPS 180-2, B.1).
  write("bearer:sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\n");
  open();
  EXPECT_EQ(status("Bearer abc"), 200);
  EXPECT_EQ(status("bearer abc"), 200);
  EXPECT_EQ(status("Bearer abd"), 401);
  EXPECT_EQ(status("Bearer "), 401);
  EXPECT_EQ(status(header("bearer", "abc")), 401);
}

TEST_F(Passwords, ThatAreBrokenAreWrong) {
  write(std::string("ann:") + kSesame);
  open();
  for (const std::string broken : {"", "Basic", "Basic ", "Basic !!!!", "Basic YQ", "Basic YW5u", "Digest x",
                                   "Basic =", "Basic ====", "\xff\xff \xff"})
    EXPECT_EQ(status(broken), 401) << broken;
  EXPECT_EQ(status("Basic " + std::string(100'000, 'A')), 401);
  // Two such headers are no one's.
  EXPECT_TRUE(access_->refuse(request_with({{"host", "localhost"},
                                            {"authorization", header("ann", "open sesame")},
                                            {"authorization", header("ann", "open sesame")}}),
                              door(Door::Kind::loopback)));
}

TEST_F(Passwords, AreNotTriedWithoutEndWhileAKnownClientGetsIn) {
  write(std::string("ann:") + kSesame);
  open();
  ASSERT_EQ(status(header("ann", "open sesame")), 200);
  int too_many = 0;
  for (int i = 0; i < 300; ++i) too_many += status(header("ann", std::to_string(i))) == 429;
  EXPECT_GT(too_many, 200);
  EXPECT_EQ(status(header("ann", "open sesame")), 200);
}

TEST_F(Passwords, FollowTheirFile) {
  write(std::string("ann:") + kSesame);
  open();
  ASSERT_EQ(status(header("ann", "open sesame")), 200);
  write(std::string("bobby:") + kSesame);
  EXPECT_EQ(status(header("ann", "open sesame")), 401);
  EXPECT_EQ(status(header("bobby", "open sesame")), 200);
  write("broken");
  EXPECT_EQ(status(header("bobby", "open sesame")), 401);
  std::filesystem::remove(file_);
  EXPECT_EQ(status(header("bobby", "open sesame")), 401);
  write(std::string("ann:") + kSesame);
  EXPECT_EQ(status(header("ann", "open sesame")), 200);
}

TEST_F(Passwords, InTheClearOrOfUnknownHashesAreRefusedAtTheStart) {
  for (const char* line :
       {"ann:open sesame", "ann", ":$6$x$y", "ann:", "ann:$9$salt$hash", "ann:$apr1$salt$hash", "ann:{SHA}x"})
    EXPECT_THAT(error_of(line), ::testing::AllOf(HasSubstr("line 1"), HasSubstr("openssl passwd -6")))
        << line;
  EXPECT_THAT(error_of("# x\nbearer:sha256:abc"), HasSubstr("line 2"));
  EXPECT_THAT(error_of("# nobody\n"), HasSubstr("names nobody"));
  EXPECT_FALSE(Access::open({.auth_file = directory_.file("none"), .allowed_hosts = {}}));
  write(std::string("ann:") + kSesame);
  ::chmod(file_.c_str(), 0666);
  const auto opened = Access::open({.auth_file = file_, .allowed_hosts = {}});
  ASSERT_FALSE(opened);
  EXPECT_THAT(opened.error().what, HasSubstr("written by everybody"));
}

}  // namespace
}  // namespace holdfast::serve
