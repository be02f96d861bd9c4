// The endpoint behind TLS, and what it refuses to open to other machines.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <httplib.h>

#include "raw_client.h"
#include "serve/server.h"
#include "support/certificates.h"
#include "support/temporary.h"

namespace holdfast::serve {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

Response big(const Request&) { return {200, {}, std::string(3 << 20, 'x')}; }

class Tls : public ::testing::Test {
 protected:
  Result<std::unique_ptr<Server>> try_start(TlsOptions tls, const std::string& listen = "127.0.0.1:0") {
    return Server::start({.listen = listen, .on_thread_start = {}, .tls = std::move(tls)}, big);
  }
  void start(TlsOptions tls) {
    auto started = try_start(std::move(tls));
    ASSERT_TRUE(started) << started.error().what;
    server_ = std::move(started).value();
    EXPECT_THAT(server_->address(), StartsWith("https://127.0.0.1:"));
    port_ = std::stoi(server_->address().substr(18));
  }
  httplib::Result get(const std::string& certificate = "", const std::string& key = "") {
    httplib::SSLClient client("127.0.0.1", port_, certificate, key);
    client.set_ca_cert_path(files_.authority);
    return client.Get("/debug/pprof/heap");
  }

  holdfast::testing::TemporaryDirectory directory_;
  holdfast::testing::CertificateFiles files_ = holdfast::testing::make_certificates(directory_.path());
  std::unique_ptr<Server> server_;
  int port_ = 0;
};

TEST_F(Tls, CarriesAnswersOfAnySizeOnOneConnection) {
  start({files_.server, files_.server_key, {}});
  httplib::SSLClient client("127.0.0.1", port_);
  client.set_ca_cert_path(files_.authority);
  client.set_keep_alive(true);
  for (int i = 0; i < 3; ++i) {
    const auto answer = client.Get("/debug/pprof/heap");
    ASSERT_TRUE(answer) << httplib::to_string(answer.error());
    EXPECT_EQ(answer->body.size(), std::size_t{3} << 20);
  }
}

TEST_F(Tls, LetsInOnlyCertificatesOfTheClientsAuthority) {
  start({files_.server, files_.server_key, files_.authority});
  EXPECT_FALSE(get());
  const auto answer = get(files_.client, files_.client_key);
  ASSERT_TRUE(answer) << httplib::to_string(answer.error());
  EXPECT_EQ(answer->status, 200);
  const holdfast::testing::TemporaryDirectory elsewhere;
  const auto strangers = holdfast::testing::make_certificates(elsewhere.path());
  EXPECT_FALSE(get(strangers.client, strangers.client_key));
  EXPECT_TRUE(get(files_.client, files_.client_key));
}

TEST_F(Tls, SurvivesClientsThatSpeakPlainlyOrGoAway) {
  start({files_.server, files_.server_key, files_.authority});
  for (int i = 0; i < 20; ++i) {
    holdfast::testing::RawClient plain(port_);
    plain.send("GET /debug/pprof/heap HTTP/1.1\r\nHost: localhost\r\n\r\n");
    plain.end_sending();
    EXPECT_EQ(plain.read_all().find("HTTP/1.1 200"), std::string::npos);
    holdfast::testing::RawClient away(port_);
    away.send(std::string("\x16\x03\x01\x02\x00\x01", 6));
  }
  EXPECT_TRUE(get(files_.client, files_.client_key));
}

TEST_F(Tls, NeedsFilesThatFitTogether) {
  const auto error_of = [&](TlsOptions options) {
    const auto started = try_start(std::move(options));
    return started ? std::string() : started.error().what;
  };
  EXPECT_THAT(error_of({directory_.file("none"), {}, {}}), HasSubstr("cannot use the certificate"));
  EXPECT_THAT(error_of({files_.server, files_.client_key, {}}), HasSubstr("cannot use the key"));
  EXPECT_THAT(error_of({files_.server, {}, {}}), HasSubstr("cannot use the key"));
  EXPECT_THAT(error_of({files_.server, files_.server_key, directory_.file("none")}),
              HasSubstr("clients' CA"));
  EXPECT_THAT(error_of({{}, files_.server_key, {}}), HasSubstr("no certificate"));
}

TEST_F(Tls, OrPasswordsOpenAnAddressThatOtherMachinesReach) {
  const auto refused = try_start({}, "0.0.0.0:0");
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().what, HasSubstr("other machines"));
  EXPECT_THAT(refused.error().hint, HasSubstr("ssh -L"));
  // Encryption alone asks nobody who they are.
  EXPECT_FALSE(try_start({files_.server, files_.server_key, {}}, "0.0.0.0:0"));
  EXPECT_TRUE(try_start({files_.server, files_.server_key, files_.authority}, "0.0.0.0:0"));
  // The SHA-256 of "abc".
  holdfast::testing::write_text(
      directory_.file("auth"),
      "bearer:sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\n");
  auto access = Access::open({.auth_file = directory_.file("auth"), .allowed_hosts = {}});
  ASSERT_TRUE(access);
  const auto started = Server::start(
      {.listen = "0.0.0.0:0", .on_thread_start = {}, .tls = {}, .access = std::move(access).value()}, big);
  ASSERT_TRUE(started) << started.error().what;
  httplib::Client client("127.0.0.1", std::stoi((*started)->address().substr(15)));
  EXPECT_EQ(client.Get("/")->status, 401);
  EXPECT_EQ(client.Post("/debug/holdfast/recording?on=0")->status, 401);
  EXPECT_EQ(client.Get("/", {{"Authorization", "Bearer abc"}})->status, 200);
}

}  // namespace
}  // namespace holdfast::serve
