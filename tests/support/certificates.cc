#include "support/certificates.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <memory>
#include <stdexcept>

namespace holdfast::testing {
namespace {

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;
using File = std::unique_ptr<std::FILE, decltype(&std::fclose)>;

Key make_key() { return {EVP_EC_gen("P-256"), EVP_PKEY_free}; }

void add_extension(X509* certificate, int nid, const char* value) {
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, nid, value);
  if (extension == nullptr) throw std::runtime_error(value);
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

// Signed by `issuer_key` in the name of `issuer`; null: self-signed, an authority.
Certificate make_certificate(const char* name, const char* alternative, EVP_PKEY* key, X509* issuer,
                             EVP_PKEY* issuer_key) {
  static long serial = 1;
  Certificate certificate(X509_new(), X509_free);
  X509_set_version(certificate.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), serial++);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -3600);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 86'400);
  X509_set_pubkey(certificate.get(), key);
  X509_NAME* subject = X509_get_subject_name(certificate.get());
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>(name), -1,
                             -1, 0);
  X509_set_issuer_name(certificate.get(), issuer != nullptr ? X509_get_subject_name(issuer) : subject);
  if (issuer == nullptr) add_extension(certificate.get(), NID_basic_constraints, "critical,CA:TRUE");
  if (alternative != nullptr) add_extension(certificate.get(), NID_subject_alt_name, alternative);
  if (X509_sign(certificate.get(), issuer_key, EVP_sha256()) == 0) throw std::runtime_error("cannot sign");
  return certificate;
}

std::string write_certificate(const std::string& path, X509* certificate) {
  const File file(std::fopen(path.c_str(), "w"), std::fclose);
  if (!file || PEM_write_X509(file.get(), certificate) != 1) throw std::runtime_error(path);
  return path;
}

std::string write_key(const std::string& path, EVP_PKEY* key) {
  const File file(std::fopen(path.c_str(), "w"), std::fclose);
  if (!file || PEM_write_PrivateKey(file.get(), key, nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    throw std::runtime_error(path);
  }
  return path;
}

}  // namespace

CertificateFiles make_certificates(const std::string& directory) {
  const Key authority_key = make_key();
  const Certificate authority =
      make_certificate("Test Authority", nullptr, authority_key.get(), nullptr, authority_key.get());
  const auto sign = [&](const char* name, const char* alternative, EVP_PKEY* key) {
    return make_certificate(name, alternative, key, authority.get(), authority_key.get());
  };
  const Key server_key = make_key();
  const Key other_key = make_key();
  const Key client_key = make_key();
  CertificateFiles files;
  files.authority = write_certificate(directory + "/authority.pem", authority.get());
  files.server =
      write_certificate(directory + "/server.pem", sign("127.0.0.1", "IP:127.0.0.1", server_key.get()).get());
  files.server_key = write_key(directory + "/server.key", server_key.get());
  files.other_server = write_certificate(directory + "/other.pem",
                                         sign("other.example", "DNS:other.example", other_key.get()).get());
  files.other_server_key = write_key(directory + "/other.key", other_key.get());
  files.client =
      write_certificate(directory + "/client.pem", sign("client", nullptr, client_key.get()).get());
  files.client_key = write_key(directory + "/client.key", client_key.get());
  return files;
}

}  // namespace holdfast::testing
