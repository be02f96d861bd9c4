// A request and its response, as routes see them: no sockets, no HTTP library. Plain values; any thread.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace holdfast::serve {

struct Request {
  std::string method;                               // "GET", "HEAD", "POST"
  std::string path;                                 // without the query
  std::multimap<std::string, std::string> query;    // decoded
  std::multimap<std::string, std::string> headers;  // names in lower case
  std::string body;                                 // raw
  std::function<bool()> client_waits;               // whether the client is still there; may be empty

  std::string header(const std::string& lower_case_name) const;
  std::string parameter(const std::string& name) const;
  bool has_parameter(const std::string& name) const { return query.contains(name); }
};

struct Response {
  int status = 200;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
};

// Plain text, not to be taken for anything else.
Response text(int status, std::string body);

// JSON text.
Response json(std::string body);

// A refusal in the form in which `go tool pprof` prints its body: plain text with X-Go-Pprof. `why` is one
// line without its end.
Response refuse(int status, const std::string& why);

}  // namespace holdfast::serve
