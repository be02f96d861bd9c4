#include "scenarios/scenario_server.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>

namespace holdfast::testing {
namespace {

// Child's pid with its standard output on `out`, or -1.
pid_t spawn(const std::vector<std::string>& command, int& out) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return -1;
  std::vector<char*> argv;
  for (const std::string& word : command) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  pid_t pid = -1;
  const int failed = posix_spawn(&pid, argv[0], &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  ::close(ends[1]);
  if (failed != 0) {
    ::close(ends[0]);
    return -1;
  }
  out = ends[0];
  return pid;
}

}  // namespace

ScenarioServer::ScenarioServer(const std::string& program, std::vector<std::string> arguments) {
  std::vector<std::string> command = {scenario_path(program), "--listen-app", "0", "--heap", "127.0.0.1:0"};
  command.insert(command.end(), arguments.begin(), arguments.end());
  pid_ = spawn(command, out_);
  if (pid_ < 0) return;
  std::string line;
  for (char c = 0; app_.empty() && ::read(out_, &c, 1) == 1;) {
    if (c != '\n') {
      line += c;
      continue;
    }
    if (line.starts_with("heap ")) heap_ = line.substr(5);
    if (line.starts_with("app ")) app_ = line.substr(4);
    line.clear();
  }
}

ScenarioServer::~ScenarioServer() {
  stop();
  if (out_ >= 0) ::close(out_);
}

int ScenarioServer::app_port() const { return std::stoi(app_.substr(app_.rfind(':') + 1)); }

scenarios::Truth ScenarioServer::truth() const {
  httplib::Client client(app_);
  const auto answer = client.Get("/truth");
  const auto told =
      nlohmann::json::parse(answer ? answer->body : std::string(), nullptr, /*allow_exceptions=*/false);
  if (!told.is_object()) {
    ADD_FAILURE() << app_ << "/truth does not answer";
    return {};
  }
  return {.objects = told.value("objects", std::uint64_t{0}), .bytes = told.value("bytes", std::uint64_t{0})};
}

std::uint64_t ScenarioServer::resident_bytes() const {
  std::ifstream statm("/proc/" + std::to_string(pid_) + "/statm");
  std::uint64_t total = 0, resident = 0;
  statm >> total >> resident;
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

int ScenarioServer::stop() {
  if (pid_ < 0) return -1;
  ::kill(pid_, SIGTERM);
  const int watch = static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0));
  pollfd ended{.fd = watch, .events = POLLIN, .revents = 0};
  if (watch >= 0 && ::poll(&ended, 1, 30'000) == 0) ::kill(pid_, SIGKILL);
  if (watch >= 0) ::close(watch);
  int status = 0;
  ::waitpid(pid_, &status, 0);
  pid_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

std::string scenario_path(const std::string& program) {
  return std::string(HOLDFAST_BINARY_DIR) + "/scenarios/" + program;
}

}  // namespace holdfast::testing
