// A scenario's server as a child process, from start to a clean stop; and the questions a test asks about it.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "scenarios/common/story.h"
#include "scenarios/expectation.h"
#include "support/temporary.h"

namespace holdfast::testing {

class ScenarioServer {
 public:
  // Starts build/.../scenarios/`program` with `arguments` on free ports and waits until it has printed its
  // addresses, or has ended.
  ScenarioServer(const std::string& program, std::vector<std::string> arguments);
  // The server of an expect file: a scenario, or an unmodified program under `holdfast run`. Such a program
  // is started in an empty directory, for which `{dir}` stands in its words, and listens there on the Unix
  // socket `app.sock`; `{story}` stands for the story's folder.
  static ScenarioServer of(const Expectation& expectation, std::vector<std::string> arguments);
  ScenarioServer(const ScenarioServer&) = delete;
  ScenarioServer& operator=(const ScenarioServer&) = delete;
  ~ScenarioServer();

  // False when the program ended before it served; stop() then returns how.
  bool serves() const { return !app_.empty(); }

  pid_t id() const { return pid_; }
  const std::string& app() const { return app_; }  // "http://127.0.0.1:40123", "unix:/path"
  std::string heap() const { return heap_.starts_with("unix:") ? heap_ : heap_ + "/debug/pprof/heap"; }

  // What the story knows it holds. Throws when it does not answer.
  scenarios::Truth truth() const;

  // Resident memory now.
  std::uint64_t resident_bytes() const;

  // SIGTERM, then waits. The exit code, or minus the number of the signal that ended it; 30 seconds later it
  // is killed.
  int stop();

 private:
  struct Unmodified {
    std::string story;
    std::vector<std::string> program, arguments;
  };
  explicit ScenarioServer(const Unmodified& unmodified);
  std::string with_places(std::string word, const std::string& story) const;

  TemporaryDirectory directory_;
  pid_t pid_ = -1;
  int out_ = -1;
  std::string app_;
  std::string heap_;
};

// build/.../scenarios/`program`.
std::string scenario_path(const std::string& program);

}  // namespace holdfast::testing
