// /debug/pprof/profile: a CPU profile by the profiler that the program brings along, if it does. Called on
// the endpoint's threads; blocks for the time asked for.
#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <string>

#include "serve/http.h"
#include "serve/sources.h"

namespace holdfast::serve {

class CpuRoute {
 public:
  static constexpr int kMaxSeconds = 300;
  static constexpr int kDefaultSeconds = 30;  // as Go's

  explicit CpuRoute(const Sources& sources) : sources_(sources) {}

  // `as_legacy`: the profiler's own bytes, for the perl tools; else gzipped pprof with names. 404 where there
  // is no profiler, 400 for seconds that are none, 429 while another is being taken, 503 when it fails or the
  // endpoint ends.
  Response answer(const Request& request, bool as_legacy);

 private:
  Response take(const Request& request, int seconds, bool as_legacy);

  const Sources& sources_;
  std::atomic<bool> taken_{false};
};

}  // namespace holdfast::serve
