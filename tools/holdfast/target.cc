#include "target.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>
#include <utility>

#include "preload.h"
#include "program.h"
#include "sources.h"

namespace holdfast::tool {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kPoll{20};
constexpr milliseconds kLongestStop{10'000};
constexpr int kExitNotStarted = 127;  // as shells have it

bool is_on_this_machine(const std::string& source) {
  const std::size_t scheme = source.find("://");
  std::string host = scheme == std::string::npos ? source : source.substr(scheme + 3);
  host = host.substr(0, host.find('/'));
  host = host.substr(host.rfind('@') + 1);
  return source.starts_with("unix:") || host.starts_with("127.") || host.starts_with("localhost") ||
         host.starts_with("[::1]");
}

// A server, by the forms fetch() knows; a file is none.
bool is_server(const std::string& source) {
  if (source.find("://") != std::string::npos || source.starts_with("unix:")) return true;
  const std::string host = source.substr(0, source.find('/'));
  std::error_code ignored;
  return host.find(':') != std::string::npos && !fs::exists(source, ignored);
}

// Ends with its parent, says all it says on standard error, and is not asked anything.
[[noreturn]] void become(const std::vector<std::string>& words, pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (::getppid() != parent) ::_exit(kExitNotStarted);
  ::dup2(STDERR_FILENO, STDOUT_FILENO);
  std::vector<char*> arguments;
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  ::execv("/proc/self/exe", arguments.data());
  ::_exit(kExitNotStarted);
}

}  // namespace

std::string end_text(int status) {
  if (WIFSIGNALED(status)) {
    return "was killed by signal " + std::to_string(WTERMSIG(status)) + " (" + ::strsignal(WTERMSIG(status)) +
           ")";
  }
  return "ended with exit code " + std::to_string(WEXITSTATUS(status));
}

Result<Target> Target::at(const std::string& url, const SourceOptions& options) {
  if (!is_server(url)) {
    return Error{url + " is no running server", "give its heap endpoint, as 127.0.0.1:6060 or unix:/path"};
  }
  Target target;
  target.source_ = url;
  target.options_ = options;
  return target;
}

Result<Target> Target::start(const std::vector<std::string>& words, const std::string& interval,
                             milliseconds longest_wait) {
  const auto path = find_program(words.front());
  if (!path) return path.error();
  if (auto fit = check_preloadable(*path); !fit) return fit.error();
  if (auto library = find_preload_library(); !library) return library.error();

  Target target;
  std::error_code failure;
  std::string directory = (fs::temp_directory_path(failure) / "holdfast-XXXXXX").string();
  if (::mkdtemp(directory.data()) == nullptr) {
    return Error{"cannot make a directory for the heap's socket: " + std::string(std::strerror(errno)),
                 "set TMPDIR to a directory that can be written"};
  }
  target.directory_ = directory;
  target.source_ = "unix:" + directory + "/heap.sock";
  std::vector<std::string> all = {"holdfast", "run", "--listen", target.source_};
  if (interval.empty()) {
    all.push_back("--exact");
  } else {
    all.insert(all.end(), {"--interval", interval});
  }
  all.push_back("--");
  all.insert(all.end(), words.begin(), words.end());
  const pid_t parent = ::getpid();
  target.child_ = ::fork();
  if (target.child_ == 0) become(all, parent);
  if (target.child_ < 0)
    return Error{"cannot start a process: " + std::string(std::strerror(errno)), "try again"};
  target.local_pid_ = target.child_;

  const auto deadline = Clock::now() + longest_wait;
  while (true) {
    if (auto alive = target.check_alive(); !alive) return alive.error();
    const auto answer = fetch::fetch(target.source_, target.options_);
    if (answer) return target;
    if (Clock::now() >= deadline) {
      return Error{words.front() + " does not answer for its heap: " + answer.error().what,
                   "check that it runs under: holdfast run -- " + words.front()};
    }
    std::this_thread::sleep_for(kPoll);
  }
}

Target::Target(Target&& other) noexcept
    : source_(std::move(other.source_)),
      options_(std::move(other.options_)),
      child_(std::exchange(other.child_, -1)),
      local_pid_(other.local_pid_),
      status_(other.status_),
      is_ended_(other.is_ended_),
      directory_(std::exchange(other.directory_, std::string())) {}

Target::~Target() {
  if (auto stopped = stop(); !stopped) {
    // Whoever wanted to know has asked before.
  }
  std::error_code ignored;
  if (!directory_.empty()) fs::remove_all(directory_, ignored);
}

bool Target::reap(bool wait) {
  if (child_ < 0) return is_ended_;
  pid_t ended = 0;
  do {
    ended = ::waitpid(child_, &status_, wait ? 0 : WNOHANG);
  } while (ended < 0 && errno == EINTR);
  if (ended != child_) return false;
  child_ = -1;
  is_ended_ = true;
  return true;
}

Result<void> Target::check_alive() {
  if (!reap(/*wait=*/false)) return {};
  return Error{"the program " + end_text(status_), "find out why first: no verdict can be told of it"};
}

Result<profile::Profile> Target::snapshot() {
  if (auto alive = check_alive(); !alive) return alive.error();
  // Source lines only matter in the snapshot that is told of at last; they cost time, round after round.
  SourceOptions options(options_);
  options.lines = false;
  auto profile = load_profile(source_, options);
  if (!profile) {
    // A program that is about to end closes its socket first.
    for (int i = 0; child_ >= 0 && i < 50 && !reap(/*wait=*/false); ++i) std::this_thread::sleep_for(kPoll);
    if (auto alive = check_alive(); !alive) return alive.error();
    return profile;
  }
  if (local_pid_ < 0 && profile->history && is_on_this_machine(source_))
    local_pid_ = static_cast<pid_t>(profile->history->process_id);
  return profile;
}

std::optional<long> Target::threads() const {
  if (local_pid_ <= 0) return {};
  std::ifstream status("/proc/" + std::to_string(local_pid_) + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("Threads:")) return std::strtol(line.c_str() + 8, nullptr, 10);
  }
  return {};
}

Result<void> Target::stop() {
  if (child_ < 0) return {};
  ::kill(child_, SIGTERM);
  const auto deadline = Clock::now() + kLongestStop;
  while (!reap(/*wait=*/false) && Clock::now() < deadline) std::this_thread::sleep_for(kPoll);
  if (child_ >= 0) {
    ::kill(child_, SIGKILL);
    reap(/*wait=*/true);
    return {};
  }
  if (WIFSIGNALED(status_) && WTERMSIG(status_) != SIGTERM) {
    return Error{"the program " + end_text(status_) + " when it was asked to end",
                 "find out why first: no verdict can be told of it"};
  }
  return {};
}

}  // namespace holdfast::tool
