#include "scenarios/scenario_server.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <thread>

namespace holdfast::testing {
namespace {

// Child's pid with its standard output on `out`, or -1.
pid_t spawn(const std::vector<std::string>& command, int& out, const std::string& directory = ".") {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return -1;
  std::vector<char*> argv;
  for (const std::string& word : command) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  posix_spawn_file_actions_addchdir_np(&actions, directory.c_str());
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

bool accepts(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return false;
  path.copy(address.sun_path, path.size());
  const int socket = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const bool connected = ::connect(socket, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  ::close(socket);
  return connected;
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

ScenarioServer::ScenarioServer(const Unmodified& unmodified) {
  heap_ = "unix:" + directory_.file("heap.sock");
  std::vector<std::string> command = {HOLDFAST_BINARY_DIR "/tools/holdfast/holdfast", "run", "--listen",
                                      heap_};
  command.insert(command.end(), unmodified.arguments.begin(), unmodified.arguments.end());
  command.push_back("--");
  for (const std::string& word : unmodified.program) command.push_back(with_places(word, unmodified.story));
  pid_ = spawn(command, out_, directory_.path());
  const std::string path = directory_.file("app.sock");
  while (pid_ > 0 && ::waitpid(pid_, nullptr, WNOHANG) == 0) {
    if (accepts(path)) {
      app_ = "unix:" + path;
      return;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  pid_ = -1;
}

std::string ScenarioServer::with_places(std::string word, const std::string& story) const {
  const std::pair<const char*, std::string> places[] = {
      {"{dir}", directory_.path()}, {"{story}", HOLDFAST_SOURCE_DIR "/scenarios/" + story}};
  for (const auto& [name, place] : places) {
    if (const std::size_t at = word.find(name); at != std::string::npos)
      word.replace(at, std::strlen(name), place);
  }
  return word;
}

ScenarioServer ScenarioServer::of(const Expectation& expectation, std::vector<std::string> arguments) {
  if (expectation.program.empty()) return {"scenario_" + expectation.story, std::move(arguments)};
  return ScenarioServer(Unmodified{expectation.story, expectation.program, std::move(arguments)});
}

ScenarioServer::~ScenarioServer() {
  stop();
  if (out_ >= 0) ::close(out_);
}

scenarios::Truth ScenarioServer::truth() const {
  httplib::Client client(app_);
  const auto answer = client.Get("/truth");
  const auto told =
      nlohmann::json::parse(answer ? answer->body : std::string(), nullptr, /*allow_exceptions=*/false);
  if (!told.is_object()) {
    throw std::runtime_error(app_ + "/truth does not answer");
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
