// The heap as the routes give it: now, over a time, and since a scraper's last visit. Called on the
// endpoint's threads; allocates.
#pragma once

#include <holdfast/result.h>

#include <atomic>
#include <optional>
#include <string>

#include "profile/profile.h"
#include "serve/delta_bases.h"
#include "serve/http.h"
#include "serve/sources.h"

namespace holdfast::serve {

class HeapRoutes {
 public:
  static constexpr int kMaxSeconds = 300;

  explicit HeapRoutes(const Sources& sources) : sources_(sources) {}

  // /debug/pprof/heap and allocs, with debug=, gc= and seconds=.
  Response heap(const Request& request, const std::string& default_type);
  // The legacy text.
  Response text();
  // /debug/pprof/delta_heap?base=NAME.
  Response delta(const Request& request);
  // Answers a route of another room with the turn at collecting held.
  Response in_turn(const Route& route, const Request& request);

 private:
  Result<profile::Profile> collect(const std::string& default_type);
  Result<profile::Profile> collect_delta(const Request& request, int seconds,
                                         const std::string& default_type);

  const Sources& sources_;
  std::atomic<bool> collecting_{false};
  std::atomic<bool> waiting_{false};  // a delta is under way
  DeltaBases bases_;                  // for whoever is collecting
};

// What its routes and others have in common.
extern const Error kBusy;
// 429 for kBusy, else 503, with the error's hint.
Response refuse_error(const Error& error);
Response attachment(std::string body, const std::string& name);
// A whole number from 1 to `most`; nothing for anything else.
std::optional<int> parse_seconds(const std::string& value, int most);

}  // namespace holdfast::serve
