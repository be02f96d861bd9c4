#include "screen.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdio>
#include <sstream>

namespace holdfast::tool {
namespace {

winsize terminal_size() {
  winsize size{};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 && size.ws_row > 1) return size;
  size.ws_col = 80;
  size.ws_row = 24;
  return size;
}

}  // namespace

Screen::Screen() : is_terminal_(::isatty(STDERR_FILENO) == 1) {}

void Screen::clear() {
  // Up to the first line drawn, then erase to the end of the screen.
  if (lines_ > 0) std::fprintf(stderr, "\033[%dA\r\033[J", lines_);
  lines_ = 0;
}

void Screen::draw(const std::string& text) {
  clear();
  const winsize size = terminal_size();
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line) && lines_ + 1 < size.ws_row; ++lines_) {
    if (line.size() >= size.ws_col) line.resize(size.ws_col - 1u);
    std::fprintf(stderr, "%s\n", line.c_str());
  }
  std::fflush(stderr);
}

void Screen::say(const std::string& line) {
  clear();
  std::fprintf(stderr, "%s\n", line.c_str());
}

}  // namespace holdfast::tool
