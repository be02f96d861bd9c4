// The endpoint's routes as a pure function: a request in, a response out, no sockets. What the routes show
// comes from functions they are given. Called on the endpoint's quiet threads; allocates. Shared by the
// built-in server and by programs that mount Holdfast in an HTTP server of their own.
#pragma once

#include <holdfast/result.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "profile/profile.h"
#include "serve/http.h"

namespace holdfast::serve {

// A route that another room brings along, composed in by the session.
struct Route {
  std::string path;   // exact, "/debug/holdfast/holders"
  std::string about;  // one line for the index; empty: not listed there
  // GET routes answer HEAD too and change nothing. A POST route changes the program's state or costs it
  // much; the rules of access let it pass only for whom they let read, and never from a web page of
  // another site. The same path may stand once for each method.
  bool is_post = false;
  // Holds the endpoint's one turn at collecting while it answers; a second caller gets 429.
  bool collects = false;
  // Called on one of the endpoint's quiet threads, or inside holdfast::handle(); an exception becomes a 500.
  std::function<Response(const Request&)> answer;
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
  // What other rooms answer.
  std::vector<Route> more;
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
  const Route* find(const std::string& path, bool is_post) const;
  Response answer(const Route& route, const Request& request);
  Response refuse_method(const Request& request, bool is_symbol) const;
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
