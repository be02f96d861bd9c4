#include "drive.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "target.h"

namespace holdfast::tool {
namespace {

constexpr long kShownOfOutput = 2000;  // bytes

using File = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;

[[noreturn]] void become(const std::string& command, int round, int output) {
  const int nothing = ::open("/dev/null", O_RDONLY);
  if (nothing >= 0) ::dup2(nothing, STDIN_FILENO);
  ::dup2(output, STDOUT_FILENO);
  ::dup2(output, STDERR_FILENO);
  ::setenv("HOLDFAST_ROUND", std::to_string(round).c_str(), 1);
  ::execl("/bin/sh", "sh", "-c", command.c_str(), static_cast<char*>(nullptr));
  ::_exit(127);
}

void show_end(std::FILE* output) {
  std::fseek(output, 0, SEEK_END);
  const long size = std::ftell(output);
  std::fseek(output, std::max(0L, size - kShownOfOutput), SEEK_SET);
  std::string text(static_cast<std::size_t>(std::min(size, kShownOfOutput)), '\0');
  text.resize(std::fread(text.data(), 1, text.size(), output));
  if (size > kShownOfOutput) text.erase(0, text.find('\n') + 1);
  if (text.empty()) return;
  std::fprintf(stderr, "%s%s", text.c_str(), text.ends_with('\n') ? "" : "\n");
}

// How the command ended, once it has; -1 when it could not be started.
int run(const std::string& command, int round, int output) {
  const pid_t child = ::fork();
  if (child == 0) become(command, round, output);
  if (child < 0) return -1;
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

}  // namespace

Result<void> drive(const std::string& command, int round) {
  const File output(std::tmpfile(), std::fclose);
  if (!output) {
    return Error{"cannot keep the output of --drive: " + std::string(std::strerror(errno)),
                 "set TMPDIR to a directory that can be written"};
  }
  const int status = run(command, round, ::fileno(output.get()));
  if (status == 0) return {};
  if (status < 0) return Error{"cannot start a process: " + std::string(std::strerror(errno)), "try again"};
  show_end(output.get());
  return Error{"the command of --drive " + end_text(status),
               "run it by hand; where a failed request is no trouble, let it end with: || true"};
}

bool succeeds(const std::string& command) {
  const File output(std::tmpfile(), std::fclose);
  return output && run(command, 0, ::fileno(output.get())) == 0;
}

}  // namespace holdfast::tool
