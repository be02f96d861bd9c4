// How far long work is: one line, drawn again and again on a terminal, nothing in a pipe. On standard error,
// so that results stay alone on standard output. Main thread.
#pragma once

#include <string>

namespace holdfast::tool {

class Progress {
 public:
  // `total` steps, 0 when their number is not known.
  explicit Progress(int total);
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress();  // clears the line

  // "[#####.....] 3/11  what"; cut to the terminal's width.
  void show(int done, const std::string& what);
  void set_total(int total) { total_ = total; }

  // A line that stays, above the bar; in a pipe too.
  void say(const std::string& line);

 private:
  void clear();

  int total_;
  bool is_terminal_;
  bool is_drawn_ = false;
};

}  // namespace holdfast::tool
