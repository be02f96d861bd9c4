#include "support/subprocess.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <stdexcept>
#include <utility>

extern char** environ;

namespace holdfast::testing {
namespace {

struct Pipe {
  int read_end;
  int write_end;
};

Pipe make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("cannot make a pipe");
  return {ends[0], ends[1]};
}

void close_end(int& fd) {
  if (fd >= 0) ::close(fd);
  fd = -1;
}

// Everything the child needs is prepared before fork, as a threaded test may hold malloc's locks at that
// moment.
struct Launch {
  std::vector<std::string> environment;
  std::vector<char*> words;
  std::vector<char*> variables;
  std::string directory;
};

std::vector<std::string> merged_environment(const std::map<std::string, std::string>& added) {
  std::vector<std::string> merged;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string text = *variable;
    if (added.find(text.substr(0, text.find('='))) == added.end()) merged.push_back(text);
  }
  for (const auto& [name, value] : added) {
    if (!value.empty()) merged.push_back(name + "=" + value);
  }
  return merged;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> result;
  for (std::string& text : texts) result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

[[noreturn]] void become(Launch& launch, int in, int out, int err) {
  ::dup2(in, STDIN_FILENO);
  ::dup2(out, STDOUT_FILENO);
  ::dup2(err, STDERR_FILENO);
  if (launch.directory.empty() || ::chdir(launch.directory.c_str()) == 0) {
    ::execvpe(launch.words[0], launch.words.data(), launch.variables.data());
  }
  ::_exit(127);
}

}  // namespace

Process::Process(std::vector<std::string> words, ProcessOptions options)
    : input_(std::move(options.input)),
      keep_input_open_(options.keep_input_open),
      deadline_(std::chrono::steady_clock::now() + options.timeout) {
  const Pipe in = make_pipe();
  const Pipe out = make_pipe();
  const Pipe err = make_pipe();
  Launch launch{merged_environment(options.environment), pointers(words), {}, options.directory};
  launch.variables = pointers(launch.environment);
  pid_ = ::fork();
  if (pid_ == 0) become(launch, in.read_end, out.write_end, err.write_end);
  ::close(in.read_end);
  ::close(out.write_end);
  ::close(err.write_end);
  in_ = in.write_end;
  out_ = out.read_end;
  err_ = err.read_end;
  for (const int fd : {in_, out_, err_}) ::fcntl(fd, F_SETFL, O_NONBLOCK);
  if (input_.empty() && !keep_input_open_) close_end(in_);
  ::signal(SIGPIPE, SIG_IGN);  // a program may end without reading its input
}

Process::~Process() {
  if (!is_over_) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  close_end(in_);
  close_end(out_);
  close_end(err_);
}

void Process::close_input() {
  keep_input_open_ = false;
  if (input_.empty()) close_end(in_);
}

void Process::send_signal(int signal) { ::kill(pid_, signal); }

void Process::drain(int& fd, std::string& into) {
  char buffer[16 * 1024];
  const ssize_t got = ::read(fd, buffer, sizeof buffer);
  if (got > 0) into.append(buffer, static_cast<std::size_t>(got));
  if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) close_end(fd);
}

bool Process::pump() {
  if (out_ < 0 && err_ < 0) return false;
  const auto left =
      std::chrono::duration_cast<std::chrono::milliseconds>(deadline_ - std::chrono::steady_clock::now());
  if (left.count() <= 0) {
    outcome_.timed_out = true;
    return false;
  }
  pollfd ends[] = {{out_, POLLIN, 0}, {err_, POLLIN, 0}, {input_.empty() ? -1 : in_, POLLOUT, 0}};
  ::poll(ends, 3, static_cast<int>(left.count()));
  if (ends[0].revents != 0) drain(out_, outcome_.out);
  if (ends[1].revents != 0) drain(err_, outcome_.err);
  if (ends[2].revents != 0) {
    const ssize_t put = ::write(in_, input_.data(), input_.size());
    if (put > 0) input_.erase(0, static_cast<std::size_t>(put));
    if (put < 0 && errno != EAGAIN) input_.clear();
    if (input_.empty() && !keep_input_open_) close_end(in_);
  }
  return true;
}

std::string Process::read_line() { return take_line(outcome_.out, out_); }

std::string Process::read_error_line() { return take_line(outcome_.err, err_); }

std::string Process::take_line(std::string& from, const int& fd) {
  for (;;) {
    const std::size_t end = from.find('\n');
    if (end != std::string::npos) {
      std::string line = from.substr(0, end);
      from.erase(0, end + 1);
      return line;
    }
    if (fd < 0 || !pump()) return "";
  }
}

Outcome Process::wait() {
  while (pump()) {
  }
  if (outcome_.timed_out) ::kill(pid_, SIGKILL);
  int status = 0;
  ::waitpid(pid_, &status, 0);
  is_over_ = true;
  if (WIFEXITED(status)) outcome_.exit_code = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) outcome_.signal = WTERMSIG(status);
  return outcome_;
}

Outcome run(std::vector<std::string> words, ProcessOptions options) {
  return Process(std::move(words), std::move(options)).wait();
}

}  // namespace holdfast::testing
