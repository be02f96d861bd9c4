// A block of lines on standard error that is drawn again and again on a terminal; elsewhere only lines that
// stay. Main thread.
#pragma once

#include <string>

namespace holdfast::tool {

class Screen {
 public:
  Screen();

  bool is_terminal() const { return is_terminal_; }

  // Replaces the block drawn before; lines are cut to the terminal's width.
  void draw(const std::string& text);

  // A line that stays.
  void say(const std::string& line);

 private:
  void clear();

  bool is_terminal_;
  int lines_ = 0;  // drawn
};

}  // namespace holdfast::tool
