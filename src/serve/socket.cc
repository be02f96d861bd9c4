#include "serve/socket.h"

#include <pthread.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <utility>

namespace holdfast::serve {
namespace {

// Descriptors plus one, so that zero means a free place. An endpoint has four at most; where more are open
// than there are places, the surplus stays open in children until they exec.
constinit std::array<std::atomic<int>, 32> g_open{};

void close_in_child() {
  for (std::atomic<int>& place : g_open) {
    if (const int held = place.exchange(0); held != 0) ::close(held - 1);
  }
}

void enter(int fd) noexcept {
  static const int once = pthread_atfork(nullptr, nullptr, close_in_child);
  static_cast<void>(once);
  for (std::atomic<int>& place : g_open) {
    int free = 0;
    if (place.compare_exchange_strong(free, fd + 1)) return;
  }
}

void leave(int fd) noexcept {
  for (std::atomic<int>& place : g_open) {
    int held = fd + 1;
    if (place.compare_exchange_strong(held, 0)) return;
  }
}

}  // namespace

Socket::Socket(int fd) noexcept : fd_(fd) {
  if (fd_ >= 0) enter(fd_);
}

Socket::Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

Socket& Socket::operator=(Socket&& other) noexcept {
  if (this != &other) {
    close();
    fd_ = std::exchange(other.fd_, -1);
  }
  return *this;
}

void Socket::close() noexcept {
  if (fd_ < 0) return;
  leave(fd_);
  ::close(std::exchange(fd_, -1));
}

}  // namespace holdfast::serve
