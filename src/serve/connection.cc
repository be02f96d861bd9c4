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
  pollfd watched[] = {{channel_.fd(), events, 0}, {stop_fd_, POLLIN, 0}};
  for (;;) {
    const int ready = ::poll(watched, 2, milliseconds_until(deadline));
    if (ready < 0 && errno == EINTR) continue;
    return ready > 0 && watched[1].revents == 0;
  }
}

int Connection::wait_for_either(int other_fd, std::chrono::milliseconds time) const {
  pollfd watched[] = {{channel_.fd(), POLLIN, 0}, {stop_fd_, POLLIN, 0}, {other_fd, POLLIN, 0}};
  const int ready = ::poll(watched, 3, static_cast<int>(time.count()));
  if (ready <= 0) return 0;
  if (watched[1].revents != 0) return -1;
  return watched[0].revents != 0 ? 1 : 2;
}

void Connection::begin_request() {
  budget_ = kRequestBytes;
  request_deadline_ = Clock::now() + kRequestTime;
  begin_response(0);
}

void Connection::begin_response(std::size_t bytes) {
  response_deadline_ = Clock::now() + kResponseTime + std::chrono::seconds(bytes / kResponseBytesPerSecond);
}

bool Connection::client_waits() const {
  pollfd watched = {channel_.fd(), POLLRDHUP, 0};
  return ::poll(&watched, 1, 0) == 0;
}

ssize_t Connection::read(char* to, std::size_t size) {
  if (begin_ == end_) {
    if (budget_ == 0) return -1;
    Channel::Step step;
    do {
      step = channel_.receive(buffer_.data(), std::min(buffer_.size(), budget_));
    } while (step.wait_for != 0 && wait(step.wait_for, request_deadline_));
    if (step.count <= 0) return step.count;
    begin_ = 0;
    end_ = static_cast<std::size_t>(step.count);
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
    const Channel::Step step = channel_.send(from + done, size - done);
    if (step.count > 0) {
      done += static_cast<std::size_t>(step.count);
    } else if (step.wait_for == 0 ||
               !wait(step.wait_for, std::min(response_deadline_, Clock::now() + kStallTime))) {
      return -1;
    }
  }
  return static_cast<ssize_t>(size);
}

void Connection::finish() {
  channel_.end_sending();
  const auto deadline = Clock::now() + std::chrono::seconds(1);
  std::size_t discarded = 0;
  // As raw bytes: TLS has nothing more to say.
  while (discarded < 4 * kRequestBytes && wait(POLLIN, deadline)) {
    const ssize_t got = ::recv(channel_.fd(), buffer_.data(), buffer_.size(), 0);
    if (got == 0 || (got < 0 && errno != EINTR && errno != EAGAIN)) break;
    discarded += got > 0 ? static_cast<std::size_t>(got) : 0;
  }
  channel_.close();
}

void Connection::get_remote_ip_and_port(std::string& ip, int& port) const {
  // Every client is this machine; nobody asks for more.
  ip = "local";
  port = 0;
}

}  // namespace holdfast::serve
