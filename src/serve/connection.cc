#include "serve/connection.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace holdfast::serve {
namespace {

int milliseconds_until(std::chrono::steady_clock::time_point deadline) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
  return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 600'000));
}

}  // namespace

bool Connection::wait(short events, Clock::time_point deadline) const {
  pollfd watched[] = {{socket_.fd(), events, 0}, {stop_fd_, POLLIN, 0}};
  for (;;) {
    const int ready = ::poll(watched, 2, milliseconds_until(deadline));
    if (ready < 0 && errno == EINTR) continue;
    return ready > 0 && watched[1].revents == 0;
  }
}

int Connection::wait_for_either(int other_fd, std::chrono::milliseconds time) const {
  pollfd watched[] = {{socket_.fd(), POLLIN, 0}, {stop_fd_, POLLIN, 0}, {other_fd, POLLIN, 0}};
  const int ready = ::poll(watched, 3, static_cast<int>(time.count()));
  if (ready <= 0) return 0;
  if (watched[1].revents != 0) return -1;
  return watched[0].revents != 0 ? 1 : 2;
}

void Connection::begin_request() {
  budget_ = kRequestBytes;
  request_deadline_ = Clock::now() + kRequestTime;
  begin_response();
}

void Connection::begin_response() { response_deadline_ = Clock::now() + kResponseTime; }

bool Connection::client_waits() const {
  pollfd watched = {socket_.fd(), POLLRDHUP, 0};
  return ::poll(&watched, 1, 0) == 0;
}

ssize_t Connection::read(char* to, std::size_t size) {
  if (begin_ == end_) {
    if (budget_ == 0) return -1;
    ssize_t got = -1;
    do {
      if (!wait(POLLIN, request_deadline_)) return -1;
      got = ::recv(socket_.fd(), buffer_.data(), std::min(buffer_.size(), budget_), 0);
    } while (got < 0 && (errno == EINTR || errno == EAGAIN));
    if (got <= 0) return got;
    begin_ = 0;
    end_ = static_cast<std::size_t>(got);
    budget_ -= end_;
  }
  const std::size_t taken = std::min(size, end_ - begin_);
  std::memcpy(to, buffer_.data() + begin_, taken);
  begin_ += taken;
  return static_cast<ssize_t>(taken);
}

ssize_t Connection::write(const char* from, std::size_t size) {
  std::size_t done = 0;
  while (done < size) {
    const ssize_t sent = ::send(socket_.fd(), from + done, size - done, MSG_NOSIGNAL);
    if (sent > 0) {
      done += static_cast<std::size_t>(sent);
    } else if (sent < 0 && errno == EAGAIN) {
      if (!wait(POLLOUT, std::min(response_deadline_, Clock::now() + kStallTime))) return -1;
    } else if (sent == 0 || errno != EINTR) {
      return -1;
    }
  }
  return static_cast<ssize_t>(size);
}

void Connection::finish() {
  ::shutdown(socket_.fd(), SHUT_WR);
  const auto deadline = Clock::now() + std::chrono::seconds(1);
  std::size_t discarded = 0;
  while (discarded < 4 * kRequestBytes && wait(POLLIN, deadline)) {
    const ssize_t got = ::recv(socket_.fd(), buffer_.data(), buffer_.size(), 0);
    if (got == 0 || (got < 0 && errno != EINTR && errno != EAGAIN)) break;
    discarded += got > 0 ? static_cast<std::size_t>(got) : 0;
  }
  socket_.close();
}

void Connection::get_remote_ip_and_port(std::string& ip, int& port) const {
  // Every client is this machine; nobody asks for more.
  ip = "local";
  port = 0;
}

}  // namespace holdfast::serve
