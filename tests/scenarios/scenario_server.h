// A scenario's server as a child process, from start to a clean stop; and the questions a test asks about it.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "scenarios/common/story.h"

namespace holdfast::testing {

class ScenarioServer {
 public:
  // Starts build/.../scenarios/`program` with `arguments` on free ports and waits until it has printed its addresses,
  // or has ended.
  ScenarioServer(const std::string& program, std::vector<std::string> arguments);
  ScenarioServer(const ScenarioServer&) = delete;
  ScenarioServer& operator=(const ScenarioServer&) = delete;
  ~ScenarioServer();

  // False when the program ended before it served; stop() then returns how.
  bool serves() const { return !app_.empty(); }

  pid_t id() const { return pid_; }
  const std::string& app() const { return app_; }    // "http://127.0.0.1:40123"
  std::string heap() const { return heap_ + "/debug/pprof/heap"; }
  int app_port() const;

  // What the story knows it holds. Fails the test when it does not answer.
  scenarios::Truth truth() const;

  // Resident memory now.
  std::uint64_t resident_bytes() const;

  // SIGTERM, then waits. The exit code, or minus the number of the signal that ended it; 30 seconds later it is killed.
  int stop();

 private:
  pid_t pid_ = -1;
  int out_ = -1;
  std::string app_;
  std::string heap_;
};

// build/.../scenarios/`program`.
std::string scenario_path(const std::string& program);

}  // namespace holdfast::testing
