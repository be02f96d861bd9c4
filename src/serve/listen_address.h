// Where the endpoint listens, as people write it. Pure functions, any thread; allocate.
#pragma once

#include <holdfast/result.h>

#include <optional>
#include <string>

namespace holdfast::serve {

// A TCP address in numbers, or a Unix socket.
struct ListenAddress {
  std::string host;  // "127.0.0.1", "::1", "localhost", "0.0.0.0"; empty for a Unix socket
  int port = 0;      // 0 picks a free one
  std::string unix_path;

  bool is_unix() const { return !unix_path.empty(); }
};

// "host:port", ":port" (127.0.0.1), "[::1]:port" or "unix:/path". Error when it is none of these, or a host
// that is neither "localhost" nor written in numbers.
Result<ListenAddress> parse_listen_address(const std::string& text);

// Whether only this machine can reach it.
bool is_local(const ListenAddress& address);

// All of 127.0.0.0/8, ::1 and "localhost", in lower case. "127.example.com" is a name like any other.
bool is_loopback_host(const std::string& host);

// "host:port", "[v6]:port" or a bare host, taken apart; the port is empty where there is none. Nothing when
// it is no such text.
struct HostPort {
  std::string host, port;
};
std::optional<HostPort> split_host(const std::string& text);

// ASCII letters in lower case.
std::string lower(std::string text);

}  // namespace holdfast::serve
