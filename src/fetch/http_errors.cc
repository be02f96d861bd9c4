#include "fetch/http_errors.h"

#include <httplib.h>
#include <openssl/x509_vfy.h>

#include "base/units.h"

namespace holdfast::fetch {
namespace {

constexpr std::size_t kMaxQuotedBytes = 160;

// The first line that says something; bytes that could move a terminal's cursor become dots.
std::string first_line(const std::string& body) {
  const std::size_t start = body.find_first_not_of(" \t\r\n");
  if (start == std::string::npos) return "";
  const std::size_t end = std::min(body.find_first_of("\r\n", start), body.size());
  std::string line = body.substr(start, std::min(end - start, kMaxQuotedBytes));
  for (char& c : line) {
    if ((c >= 0 && c < ' ') || c == '\x7f') c = '.';
  }
  return end - start > kMaxQuotedBytes ? line + "..." : line;
}

std::string hint_for(const Source& source, int status) {
  switch (status) {
    case 401:
      return source.has_credentials ? "check the user and password in the URL"
                                    : "put user and password into the URL: http://user:password@host:port";
    case 403:
      return "the server refuses this client; ask for the host name it listens on, or use a client "
             "certificate";
    case 404:
      return "check the path; Holdfast serves /debug/pprof/heap";
    case 429:
    case 503:
      return "the server is busy with another snapshot; try again in a moment";
    default:
      return "";
  }
}

// A server may hang up on a client without a certificate at any moment after the handshake: before the
// request, too.
constexpr const char* kGiveCertificate =
    "if the server asks for a client certificate, give it with --cert and --key";

Error read_error(const Source& source, const Failure& failure) {
  if (failure.waited >= failure.allowed_silence) {
    return {source.shown() + " said nothing for " + base::format_duration(failure.allowed_silence),
            "the program may be stopped or overloaded; wait longer with --timeout"};
  }
  if (failure.has_head) {
    return {source.shown() + " broke off its answer after " +
                base::format_bytes(static_cast<double>(failure.body_bytes)),
            "the program may have ended; try again"};
  }
  const bool is_tls = source.kind == Source::Kind::https;
  return {
      source.shown() + " closed the connection without an HTTP answer",
      is_tls ? kGiveCertificate : "check that the port is that of an HTTP server; for TLS write https://"};
}

Error untrusted_error(const Source& source, long verify_result) {
  const std::string reason = verify_result == X509_V_OK ? "it is not made out to " + source.host
                                                        : X509_verify_cert_error_string(verify_result);
  return {"the certificate of " + source.shown() + " is not trusted: " + reason,
          "name the certificate authority's PEM file with --ca, and the host as in the certificate"};
}

}  // namespace

Error transport_error(const Source& source, const Failure& failure) {
  switch (failure.error) {
    case httplib::Error::SSLServerVerification:
      return untrusted_error(source, failure.verify_result);
    case httplib::Error::SSLLoadingCerts:
      return {"cannot load the certificates to trust", "--ca takes a PEM file of certificates"};
    case httplib::Error::SSLConnection:
      return {"the TLS handshake with " + source.shown() + " failed",
              "check that the port speaks https, and that --cert is one the server accepts"};
    case httplib::Error::Write:
      return {source.shown() + " closed the connection before the request was sent",
              source.kind == Source::Kind::https ? kGiveCertificate : "try again"};
    default:
      return read_error(source, failure);
  }
}

Error status_error(const Source& source, int status, const std::string& body) {
  const std::string line = first_line(body);
  return {source.shown() + " answered " + std::to_string(status) + (line.empty() ? "" : ": " + line),
          hint_for(source, status)};
}

Error too_large_error(const Source& source, std::size_t limit) {
  return {source.shown() + " answered more than " + base::format_bytes(static_cast<double>(limit)),
          "a heap profile is a few MiB at most; check the path of the URL"};
}

Error too_slow_error(const Source& source, std::chrono::nanoseconds waited) {
  return {source.shown() + " had not finished its answer after " + base::format_duration(waited),
          "wait longer with --timeout"};
}

Error page_error(const Source& source) {
  return {source.shown() + " answered with a web page, not a heap profile",
          "check the port and the path; Holdfast serves /debug/pprof/heap"};
}

}  // namespace holdfast::fetch
