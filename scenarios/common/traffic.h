// Traffic for the stories: a bounded number of requests, at a steady or a rising rate, from a few clients at
// once. Called by the drivers, in a process of their own, never inside the profiled server. Blocking; starts
// `concurrency` threads and joins them before it returns.
#pragma once

#include <holdfast/result.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace holdfast::scenarios {

// One client of a story, with its own connection. Each visitor is used by one thread only.
class Visitor {
 public:
  virtual ~Visitor() = default;

  // Makes the client's next request, of which `number` is unique in the run. Empty when the answer was the
  // expected one, else what happened instead: "GET /sessions/7: status 404".
  virtual std::string send(std::uint64_t number) = 0;
};

// A new client of the server at `app`; null when it cannot be reached.
using MakeVisitor = std::function<std::unique_ptr<Visitor>(const std::string& app)>;

struct Load {
  std::string app = {};           // "http://127.0.0.1:8080", or "unix:/path" for servers that speak otherwise
  std::uint64_t requests = 1000;  // at most this many; 0 for no bound
  std::chrono::milliseconds time{};  // stop after this long; 0 for no bound
  double rate = 0;                   // requests per second over all clients; 0 for as fast as answers come
  bool ramp = false;                 // rise from nothing to twice `rate`: needs a bound on `requests`
  unsigned concurrency = 4;          // clients at once, 1 to 256
  std::uint64_t first_number = 0;    // of the first request: continue where an earlier run ended
};

struct Sent {
  std::uint64_t requests = 0;  // answered or failed
  std::uint64_t failed = 0;    // no answer, or not the expected one
  std::string first_failure;   // what happened to one of them
  std::chrono::duration<double> time{};
};

// Sends the load, then calls `sent_all` while the clients are still connected. Error when the load has no
// bound, or nobody answers at `app`.
Result<Sent> drive(const MakeVisitor& make_visitor, const Load& load,
                   const std::function<void(const Sent&)>& sent_all);

}  // namespace holdfast::scenarios
