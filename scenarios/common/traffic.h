// Traffic for the stories: a bounded number of HTTP requests, at a steady rate, over a few keep-alive
// connections. Called by holdfast_drive and by the tests, in a process of its own, never inside the profiled
// server. Blocking; starts `concurrency` threads and joins them before it returns.
#pragma once

#include <holdfast/result.h>
#include <httplib.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace holdfast::scenarios {

// One client of a story. send() makes the client's next request, of which `number` is unique in the run, and
// says whether the answer was the expected one. Each visitor is used by one thread only.
class Visitor {
 public:
  virtual ~Visitor() = default;
  virtual bool send(httplib::Client& client, std::uint64_t number) = 0;
};

// How a story is visited; null when no story has this name.
std::unique_ptr<Visitor> make_visitor(const std::string& story);

// The names make_visitor() knows.
std::vector<std::string> known_stories();

struct Load {
  std::string app = {};              // "http://127.0.0.1:8080"
  std::uint64_t requests = 1000;     // at most this many; 0 for no bound
  std::chrono::milliseconds time{};  // stop after this long; 0 for no bound
  double rate = 0;                   // requests per second over all clients; 0 for as fast as answers come
  unsigned concurrency = 4;          // clients at once, 1 to 256
  std::uint64_t first_number = 0;    // of the first request: continue where an earlier run ended
};

struct Sent {
  std::uint64_t requests = 0;  // answered or failed
  std::uint64_t failed = 0;    // no answer, or not the expected one
  std::chrono::duration<double> time{};
};

// Sends the load. Error when the story is unknown, the load has no bound, or nobody answers at `app`.
Result<Sent> drive(const std::string& story, const Load& load);

}  // namespace holdfast::scenarios
