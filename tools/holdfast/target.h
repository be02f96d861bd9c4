// The program that `ci` and `watch` look at: one that runs elsewhere, by its URL, or one started here with
// the profiler preloaded. Main thread; blocks on sockets and on the program.
#pragma once

#include <holdfast/result.h>
#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "sources.h"
#include "profile/profile.h"

namespace holdfast::tool {

class Target {
 public:
  // The program behind `url`. Error when it names no server but a file.
  static Result<Target> at(const std::string& url, const SourceOptions& options);

  // Starts `words` by `holdfast run`, counting every allocation (`interval` empty) or sampling, and waits
  // until its heap can be asked for. Its standard output goes to standard error, where it mixes with no
  // result. Error when it cannot be profiled, or ends or stays silent instead.
  static Result<Target> start(const std::vector<std::string>& words, const std::string& interval,
                              std::chrono::milliseconds longest_wait);

  Target(Target&& other) noexcept;
  Target& operator=(Target&&) = delete;
  ~Target();  // ends a started program

  // Its heap now, without source lines. The error of a started program that has ended says how it ended.
  Result<profile::Profile> snapshot();

  // Error when a started program has ended: how.
  Result<void> check_alive();

  // Where it can be asked.
  const std::string& source() const { return source_; }

  // Threads of a program on this machine; nothing where that cannot be told.
  std::optional<long> threads() const;

  // Ends a started program: SIGTERM, later SIGKILL. Error when it crashes over that.
  Result<void> stop();

 private:
  Target() = default;
  bool reap(bool wait);  // true once it has ended

  std::string source_;
  SourceOptions options_;
  pid_t child_ = -1;      // of a started program, until it has ended
  pid_t local_pid_ = -1;  // of a program on this machine
  int status_ = 0;        // how the child ended
  bool is_ended_ = false;
  std::string directory_;  // of the socket of a started program; removed at the end
};

// "ended with exit code 3", "was killed by signal 11 (Segmentation fault)".
std::string end_text(int wait_status);

}  // namespace holdfast::tool
