// A certificate authority for one test, and the PEM files of a server and a client it signed.
#pragma once

#include <string>

namespace holdfast::testing {

struct CertificateFiles {
  std::string authority;  // certificate to trust
  std::string server;     // certificate for 127.0.0.1
  std::string server_key;
  std::string other_server;  // the same authority, but for the host other.example
  std::string other_server_key;
  std::string client;
  std::string client_key;
};

// Writes all of them into `directory`; valid from an hour ago for a day.
CertificateFiles make_certificates(const std::string& directory);

}  // namespace holdfast::testing
