// The endpoint's routes as a pure function: a request in, a response out, no sockets. What the routes show
// comes from functions they are given. Called on the endpoint's quiet threads; allocates. Shared by the
// built-in server and by programs that mount Holdfast in an HTTP server of their own.
#pragma once

#include <holdfast/result.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "profile/profile.h"

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

struct Sources {
  // The heap now; the argument is the profile's default sample type.
  std::function<Result<profile::Profile>(const std::string& default_type)> heap;
  // A name for each address inside an instruction; empty where none is known.
  std::function<std::vector<std::string>(const std::vector<std::uint64_t>&)> names;
  // argv joined by NUL, without one at the end.
  std::function<std::string()> command_line;
  // What the index tells: name and value.
  std::function<std::vector<std::pair<std::string, std::string>>()> facts;
  // Waits for the time of a delta; returns early, with false, when the endpoint is closing.
  std::function<bool(int seconds)> wait;
};

class Routes {
 public:
  static constexpr int kMaxDeltaSeconds = 300;

  explicit Routes(Sources sources) : sources_(std::move(sources)) {}

  // Never throws: what goes wrong becomes a status. One collection and one delta at a time: a second caller
  // gets 429.
  Response handle(const Request& request) noexcept;

 private:
  Response dispatch(const Request& request);
  Response index(const Request& request) const;
  Response heap(const Request& request, const std::string& default_type);
  Response heap_text();
  Response symbol(const Request& request) const;
  Response command_line() const;
  Result<profile::Profile> collect(const std::string& default_type);
  Result<profile::Profile> collect_delta(const Request& request, int seconds,
                                         const std::string& default_type);

  Sources sources_;
  std::atomic<bool> collecting_{false};
  std::atomic<bool> waiting_{false};  // a delta is under way
};

}  // namespace holdfast::serve
