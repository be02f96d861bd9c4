#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "fetch/fetch.h"
#include "support/certificates.h"
#include "support/http_server.h"
#include "support/raw_server.h"
#include "support/temporary.h"

namespace holdfast::fetch {
namespace {

using ::testing::HasSubstr;
using testing::HttpServer;

class FetchTls : public ::testing::Test {
 protected:
  // An https server that answers "heap"; `client_authority`: the authority its clients need a certificate
  // from.
  std::unique_ptr<HttpServer> serve(const std::string& certificate, const std::string& key,
                                    const char* client_authority = nullptr) {
    auto server = std::make_unique<HttpServer>(
        std::make_unique<httplib::SSLServer>(certificate.c_str(), key.c_str(), client_authority));
    server->routes().Get("/debug/pprof/heap", [](const httplib::Request&, httplib::Response& response) {
      response.set_content("heap", "application/octet-stream");
    });
    server->start();
    return server;
  }

  Error failure_of(const std::string& source, const FetchOptions& options) {
    const auto bytes = fetch(source, options);
    EXPECT_FALSE(bytes.ok());
    return bytes ? Error{} : bytes.error();
  }

  testing::TemporaryDirectory directory_;
  testing::CertificateFiles files_ = testing::make_certificates(directory_.path());
};

TEST_F(FetchTls, TrustsTheAuthorityNamed) {
  const auto server = serve(files_.server, files_.server_key);
  const auto bytes = fetch("https://" + server->address(), {.ca_file = files_.authority});
  ASSERT_TRUE(bytes.ok()) << bytes.error().what;
  EXPECT_EQ(*bytes, "heap");
}

TEST_F(FetchTls, RefusesAnAuthorityNobodyNamed) {
  const auto server = serve(files_.server, files_.server_key);
  const Error error = failure_of("https://" + server->address(), {});
  EXPECT_THAT(error.what, HasSubstr("is not trusted: "));
  EXPECT_THAT(error.hint, HasSubstr("--ca"));
}

TEST_F(FetchTls, RefusesACertificateForAnotherHost) {
  const auto server = serve(files_.other_server, files_.other_server_key);
  const Error error = failure_of("https://" + server->address(), {.ca_file = files_.authority});
  EXPECT_THAT(error.what, HasSubstr("is not trusted: it is not made out to 127.0.0.1"));
}

TEST_F(FetchTls, ShowsItsCertificateToAServerThatAsksForOne) {
  const auto server = serve(files_.server, files_.server_key, files_.authority.c_str());
  const auto bytes =
      fetch("https://" + server->address(),
            {.certificate_file = files_.client, .key_file = files_.client_key, .ca_file = files_.authority});
  ASSERT_TRUE(bytes.ok()) << bytes.error().what;
  EXPECT_EQ(*bytes, "heap");

  const Error error = failure_of("https://" + server->address(), {.ca_file = files_.authority});
  EXPECT_THAT(error.hint, HasSubstr("--cert"));
}

TEST_F(FetchTls, SaysWhatIsWrongWithTheFiles) {
  const auto server = serve(files_.server, files_.server_key);
  const std::string source = "https://" + server->address();
  EXPECT_THAT(failure_of(source, {.ca_file = directory_.file("none.pem")}).what, HasSubstr("No such file"));
  EXPECT_THAT(failure_of(source, {.ca_file = files_.client_key}).what,
              HasSubstr("cannot load the certificates"));
  const Error mismatch =
      failure_of(source, {.certificate_file = files_.client, .key_file = files_.server_key});
  EXPECT_THAT(mismatch.what, HasSubstr("cannot use the certificate"));
  const Error no_key = failure_of(source, {.certificate_file = files_.client});
  EXPECT_THAT(no_key.what, HasSubstr("cannot use the certificate"));
}

TEST_F(FetchTls, SaysWhenThePortDoesNotSpeakTls) {
  const testing::RawServer plain(testing::http_answer("heap"));
  const Error error = failure_of("https://" + plain.address(), {.ca_file = files_.authority});
  EXPECT_THAT(error.what, HasSubstr("TLS handshake"));
}

TEST_F(FetchTls, GivesUpOnAHandshakeThatIsNeverAnswered) {
  const testing::RawServer silent("", testing::RawServer::Afterwards::keep_silent);
  const Error error = failure_of("https://" + silent.address(), {.timeout = std::chrono::milliseconds{100}});
  EXPECT_THAT(error.what, HasSubstr("TLS handshake"));
}

TEST_F(FetchTls, APlainRequestToATlsPortIsToldToUseHttps) {
  const auto server = serve(files_.server, files_.server_key);
  EXPECT_THAT(failure_of("http://" + server->address(), {}).hint, HasSubstr("https://"));
}

}  // namespace
}  // namespace holdfast::fetch
