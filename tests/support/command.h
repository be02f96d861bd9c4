// Runs a real tool and keeps what it said.
#pragma once

#include <stdio.h>
#include <sys/wait.h>

#include <array>
#include <string>

namespace holdfast::support {

struct CommandResult {
  int exit_code = -1;  // -1 when it did not start or was killed
  std::string output;  // stdout and stderr, as they came
};

inline CommandResult run_command(const std::string& shell_command) {
  CommandResult result;
  FILE* pipe = ::popen(("{ " + shell_command + "\n} 2>&1").c_str(), "r");
  if (pipe == nullptr) return result;
  std::array<char, 4096> chunk;
  while (const std::size_t got = fread(chunk.data(), 1, chunk.size(), pipe))
    result.output.append(chunk.data(), got);
  const int status = ::pclose(pipe);
  if (WIFEXITED(status)) result.exit_code = WEXITSTATUS(status);
  return result;
}

inline bool has_command(const std::string& name) { return run_command("command -v " + name).exit_code == 0; }

}  // namespace holdfast::support
