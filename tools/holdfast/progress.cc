#include "progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace holdfast::tool {
namespace {

constexpr int kBarWidth = 20;
constexpr const char* kClearLine = "\r\033[K";

std::size_t terminal_width() {
  winsize size{};
  return ::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

}  // namespace

Progress::Progress(int total) : total_(total), is_terminal_(::isatty(STDERR_FILENO) == 1) {}

Progress::~Progress() { clear(); }

void Progress::show(int done, const std::string& what) {
  if (!is_terminal_) return;
  std::string line;
  if (total_ > 0) {
    const int filled = std::clamp(kBarWidth * done / total_, 0, kBarWidth);
    line = "[" + std::string(static_cast<std::size_t>(filled), '#') +
           std::string(static_cast<std::size_t>(kBarWidth - filled), '.') + "] " + std::to_string(done) +
           "/" + std::to_string(total_) + "  ";
  }
  line += what;
  line.resize(std::min(line.size(), terminal_width() - 1));
  std::fprintf(stderr, "%s%s", kClearLine, line.c_str());
  std::fflush(stderr);
  is_drawn_ = true;
}

void Progress::say(const std::string& line) {
  clear();
  std::fprintf(stderr, "%s\n", line.c_str());
}

void Progress::clear() {
  if (!is_drawn_) return;
  std::fputs(kClearLine, stderr);
  std::fflush(stderr);
  is_drawn_ = false;
}

}  // namespace holdfast::tool
