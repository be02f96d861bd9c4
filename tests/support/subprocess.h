// Programs started by a test: input given, output captured, exit status told apart from signals, and a
// deadline after which the program is killed and the test sees `timed_out`. One thread per Process.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::testing {

struct ProcessOptions {
  std::string input = {};                               // sent to standard input, which is closed after it
  bool keep_input_open = false;                         // until close_input()
  std::map<std::string, std::string> environment = {};  // added to the test's own; an empty value removes
  std::string directory = {};                           // to run in; empty: the test's own
  std::chrono::seconds timeout{60};
};

struct Outcome {
  int exit_code = -1;  // -1 when it was ended by a signal
  int signal = 0;
  bool timed_out = false;
  std::string out;
  std::string err;
};

class Process {
 public:
  // Starts words[0], looked up in PATH. A program that cannot be started exits with 127.
  explicit Process(std::vector<std::string> words, ProcessOptions options = {});
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  ~Process();  // kills it when it still runs

  pid_t id() const { return pid_; }

  // The next whole line of standard output, without its end; empty at the end of output or past the deadline.
  std::string read_line();
  // The same of standard error.
  std::string read_error_line();

  void close_input();
  void send_signal(int signal);

  // Waits for the end; `out` holds what read_line() has not returned.
  Outcome wait();

 private:
  bool pump();  // moves what can be moved; false at the end of both outputs, or past the deadline
  std::string take_line(std::string& from, const int& fd);
  void drain(int& fd, std::string& into);

  pid_t pid_ = -1;
  int in_ = -1;
  int out_ = -1;
  int err_ = -1;
  std::string input_;
  bool keep_input_open_;
  std::chrono::steady_clock::time_point deadline_;
  bool is_over_ = false;
  Outcome outcome_;
};

// Runs to the end.
Outcome run(std::vector<std::string> words, ProcessOptions options = {});

}  // namespace holdfast::testing
