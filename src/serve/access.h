// Who may ask: the address to listen at, and which requests are answered. Pure functions, any thread;
// allocate.
#pragma once

#include <holdfast/result.h>

#include <optional>
#include <string>

#include "serve/routes.h"

namespace holdfast::serve {

// Where to listen: a TCP address of this machine's loopback, or a Unix socket.
struct ListenAddress {
  std::string host;  // "127.0.0.1", "::1", "localhost"; empty for a Unix socket
  int port = 0;      // 0 picks a free one
  std::string unix_path;
};

// "host:port", ":port" (127.0.0.1), "[::1]:port" or "unix:/path". Error when it is none of these, or when it
// is not the loopback: without authentication a heap profile is nothing to show to a network.
Result<ListenAddress> parse_listen_address(const std::string& text);

// The refusal of a request that no client of this machine means to send: a Host that is not the loopback's (a
// web page whose name was made to point here), or one that a web page of another site started. Empty for a
// request to answer.
std::optional<Response> refuse_stranger(const Request& request, const ListenAddress& address);

}  // namespace holdfast::serve
