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

// "a=1&b=%20x" taken apart and decoded; a name without '=' has an empty value.
std::multimap<std::string, std::string> parse_query(const std::string& text);

// %XX decoded where it is well-formed, and '+' as a space if it stands for one.
std::string decode_percent(const std::string& text, bool plus_is_space);

// The parameter of the query, or else the field of that name in a body that is a form; empty where neither
// is.
std::string parameter_or_field(const Request& request, const std::string& name);

// Plain text, not to be taken for anything else.
Response text(int status, std::string body);

// JSON text.
Response json(std::string body);

// A refusal in the form in which `go tool pprof` prints its body: plain text with X-Go-Pprof. `why` is one
// line without its end.
Response refuse(int status, const std::string& why);

}  // namespace holdfast::serve
