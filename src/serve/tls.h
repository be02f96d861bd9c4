// The endpoint's side of TLS, on OpenSSL: a certificate of its own and, if asked for, one of each client.
// Starting comes from ordinary code; a channel belongs to one worker. Allocates, about 50 KiB for a
// connection.
#pragma once

#include <holdfast/result.h>

#include <memory>
#include <string>

// OpenSSL's own types, named here so that nobody needs its headers.
struct ssl_ctx_st;
struct ssl_st;

namespace holdfast::serve {

struct TlsOptions {
  std::string certificate_file;  // PEM, with the chain; empty: no TLS
  std::string key_file;          // PEM; empty: in certificate_file
  std::string
      client_ca_file;  // PEM; clients must show a certificate that one of these signed; empty: none asked

  bool is_empty() const { return certificate_file.empty() && key_file.empty() && client_ca_file.empty(); }
};

class TlsContext {
 public:
  // Error when a file is missing, broken, or the key is not the certificate's.
  static Result<TlsContext> open(const TlsOptions& options);

  struct FreeSession {
    void operator()(ssl_st* session) const noexcept;
  };
  using Session = std::unique_ptr<ssl_st, FreeSession>;
  // For one accepted connection; null when memory is short.
  Session accept(int fd) const;

 private:
  struct FreeContext {
    void operator()(ssl_ctx_st* context) const noexcept;
  };
  std::unique_ptr<ssl_ctx_st, FreeContext> context_;
};

}  // namespace holdfast::serve
