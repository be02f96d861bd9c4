// What the routes show comes from functions they are given: serve knows neither recorder nor hook. Called on
// the endpoint's quiet threads, several at once where not said otherwise.
#pragma once

#include <holdfast/result.h>

#include <cstdint>
#include <functional>
#include <optional>
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

// A CPU profiler that the program brings along.
struct CpuProfiler {
  std::function<Result<void>()> start;
  // What it wrote, in gperftools' binary format.
  std::function<Result<std::string>()> stop;
  // The same as a profile with names.
  std::function<Result<profile::Profile>(const std::string& legacy)> explain;
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
  // Nothing where the program has none.
  std::optional<CpuProfiler> cpu;
  // What other rooms answer.
  std::vector<Route> more;
};

}  // namespace holdfast::serve
