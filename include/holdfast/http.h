// The heap endpoint for programs with an HTTP server of their own: mount handle() under /debug/ (and /pprof/, /metrics)
// and leave Options::listen empty. The examples folder does so in cpp-httplib, Boost.Beast and civetweb.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace holdfast {

struct HttpRequest {
  std::string method = "GET";                                    // as it came, in capitals
  std::string target;                                            // path and query as they came: "/debug/pprof/heap?seconds=5"
  std::vector<std::pair<std::string, std::string>> headers = {}; // names in any case
  std::string body = {};
  // Whether the client still waits, so that a long delta can end early; may be empty. Called on handle()'s thread.
  std::function<bool()> client_waits = {};
};

struct HttpResponse {
  int status = 200;
  std::vector<std::pair<std::string, std::string>> headers;  // Content-Type among them, Content-Length not
  std::string body;                                          // for HEAD: send its length, not its bytes
};

// Answers every route of the endpoint, with the open session's data; 503 without an open session and in a forked child.
// Who may ask is for your server to decide; Options::auth_file and the refusal of pages of other sites apply here too, so
// pass all headers on. Any thread, several at once; blocks for as long as `seconds=` says, else for milliseconds; what it
// allocates is not sampled. Never throws.
HttpResponse handle(const HttpRequest& request) noexcept;

}  // namespace holdfast
