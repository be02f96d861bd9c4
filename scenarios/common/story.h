// The frame around every story: a real cpp-httplib server with Holdfast embedded, its options, its addresses
// on stdout and a clean stop on SIGTERM or SIGINT. A story's main.cc brings routes and state and calls run();
// it runs on the main thread, handlers run on the server's worker threads. Everything here may allocate: it
// is the program being profiled.
#pragma once

#include <httplib.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace holdfast::scenarios {

// What the command line asked for; see `--help` of any scenario.
struct Settings {
  int app_port = 8080;                  // 0 picks a free one
  std::string heap = "127.0.0.1:6060";  // the heap endpoint; port 0 picks a free one
  bool exact = false;
  std::uint64_t interval_bytes = 512 * 1024;
  bool fixed = false;        // run the corrected twin
  std::string variant = {};  // one of Story::variants, or empty
};

// What the story itself knows it holds at the site its `expect` file names; GET /truth tells it to the tests.
struct Truth {
  std::uint64_t objects = 0;
  std::uint64_t bytes = 0;
};

// Counts for Truth, from any thread.
class Held {
 public:
  void add(std::uint64_t bytes) {
    objects_ += 1;
    bytes_ += bytes;
  }
  void remove(std::uint64_t bytes) {
    objects_ -= 1;
    bytes_ -= bytes;
  }
  Truth truth() const { return {.objects = objects_, .bytes = bytes_}; }

 private:
  std::atomic<std::uint64_t> objects_{0}, bytes_{0};
};

struct Story {
  std::string about = {};                  // one line for --help
  bool has_fixed_twin = false;             // whether --fixed means anything
  std::vector<std::string> variants = {};  // what --variant may name

  // Called once, after the recording has begun and before the first request is served.
  std::function<void(const Settings&, httplib::Server&)> open = {};

  // Called at any moment from a worker thread; none where nothing is held for the wrong reason.
  std::function<Truth()> truth = {};

  // Called once after the last request, before the program ends: stops what open() started.
  std::function<void()> close = {};
};

// Parses the options, opens the Holdfast session, serves until SIGTERM or SIGINT and stops cleanly, so that
// destructors run as in any well-behaved server. Prints `heap URL` and `app URL` on stdout, one line each,
// once both answer. Returns the exit code: 0 after a clean stop, 2 for a wrong option, a taken port or a
// session that cannot open.
int run(int argc, char** argv, const Story& story);

}  // namespace holdfast::scenarios
