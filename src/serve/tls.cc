#include "serve/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

namespace holdfast::serve {
namespace {

std::string reason() {
  const unsigned long code = ERR_peek_last_error();
  ERR_clear_error();
  const char* text = ERR_reason_error_string(code);
  return text == nullptr ? "unknown reason" : text;
}

Error cannot_use(const std::string& what, const std::string& file, const std::string& hint) {
  return Error{"cannot use the " + what + " " + file + ": " + reason(), hint};
}

}  // namespace

void TlsContext::FreeContext::operator()(ssl_ctx_st* context) const noexcept { SSL_CTX_free(context); }
void TlsContext::FreeSession::operator()(ssl_st* session) const noexcept { SSL_free(session); }

Result<TlsContext> TlsContext::open(const TlsOptions& options) {
  if (options.certificate_file.empty()) {
    return Error{"a key or a CA for clients is given, but no certificate",
                 "give the endpoint's own certificate as well"};
  }
  ERR_clear_error();
  TlsContext tls;
  tls.context_.reset(SSL_CTX_new(TLS_server_method()));
  SSL_CTX* context = tls.context_.get();
  if (context == nullptr) return Error{"cannot start TLS: " + reason(), "check the installation of OpenSSL"};
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF);
  // A write that would block is tried again with the rest of the bytes, wherever they lie by then.
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  const std::string& certificate = options.certificate_file;
  const std::string& key = options.key_file.empty() ? certificate : options.key_file;
  if (SSL_CTX_use_certificate_chain_file(context, certificate.c_str()) != 1)
    return cannot_use("certificate", certificate, "give a PEM file");
  if (SSL_CTX_use_PrivateKey_file(context, key.c_str(), SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_check_private_key(context) != 1)
    return cannot_use("key", key, "give the certificate's own key, as PEM and without a passphrase");
  if (options.client_ca_file.empty()) return tls;
  if (SSL_CTX_load_verify_locations(context, options.client_ca_file.c_str(), nullptr) != 1)
    return cannot_use("clients' CA", options.client_ca_file, "give a PEM file");
  SSL_CTX_set_client_CA_list(context, SSL_load_client_CA_file(options.client_ca_file.c_str()));
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  return tls;
}

TlsContext::Session TlsContext::accept(int fd) const {
  Session session(SSL_new(context_.get()));
  if (session == nullptr || SSL_set_fd(session.get(), fd) != 1) return nullptr;
  SSL_set_accept_state(session.get());
  return session;
}

}  // namespace holdfast::serve
