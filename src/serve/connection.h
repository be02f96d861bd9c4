// One client's connection as cpp-httplib reads and writes it, with what that library leaves open closed here:
// a client cannot hold a worker by sending slowly, cannot make it buffer without bound, cannot raise SIGPIPE,
// and never delays the end of the endpoint. Used by one worker; allocates nothing but what its caller asks
// for.
#pragma once

#include <httplib.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <string>

#include "serve/channel.h"

namespace holdfast::serve {

class Connection final : public httplib::Stream {
 public:
  static constexpr std::chrono::seconds kRequestTime{5};  // for a whole request to arrive
  static constexpr std::chrono::seconds kStallTime{5};    // without a byte taken by the client
  // For a whole response to leave: a client that takes it in drops is not waited for.
  static constexpr std::chrono::seconds kResponseTime{10};
  static constexpr std::size_t kResponseBytesPerSecond = std::size_t{64} << 10;
  static constexpr std::size_t kRequestBytes = (std::size_t{1} << 20) + (std::size_t{64} << 10);

  // `stop_fd` becomes readable when the endpoint ends; every wait ends with it.
  Connection(Channel channel, int stop_fd) : channel_(std::move(channel)), stop_fd_(stop_fd) {}

  enum class Next { request, closed, yielded };
  // Waits for the first byte of a request. Yields, after a short grace, when `other_fd` (the listening
  // socket) is readable and `should_yield` agrees: an idle connection must not keep others waiting.
  template <typename ShouldYield>
  Next await_request(std::chrono::milliseconds idle, int other_fd, ShouldYield should_yield);

  // Starts the budgets of a request, and of a response with a body of so many bytes.
  void begin_request();
  void begin_response(std::size_t bytes);

  // Whether the client still waits for the answer.
  bool client_waits() const;

  // Ends the connection so that the client can read the last response although it may still be sending: an
  // abrupt close would discard what was written.
  void finish();

  bool is_readable() const override { return true; }
  bool is_writable() const override { return client_waits(); }
  ssize_t read(char* to, std::size_t size) override;
  ssize_t write(const char* from, std::size_t size) override;
  void get_remote_ip_and_port(std::string& ip, int& port) const override;
  void get_local_ip_and_port(std::string& ip, int& port) const override { get_remote_ip_and_port(ip, port); }
  // cpp-httplib only compares it with FD_SETSIZE, which it need not fear: nothing here uses select().
  socket_t socket() const override { return 0; }

 private:
  using Clock = std::chrono::steady_clock;
  // Waits for `events` on the socket; false at the deadline, on an error, or when the endpoint ends.
  bool wait(short events, Clock::time_point deadline) const;
  // Waits for input on the socket or on other_fd: 1 the socket, 2 the other, 0 neither in time, -1 the
  // endpoint ends.
  int wait_for_either(int other_fd, std::chrono::milliseconds time) const;

  Channel channel_;
  const int stop_fd_;
  Clock::time_point request_deadline_{};
  Clock::time_point response_deadline_{};
  std::size_t budget_ = 0;  // bytes this request may still bring
  std::array<char, 4096> buffer_;
  std::size_t begin_ = 0;  // unread part of the buffer
  std::size_t end_ = 0;
};

template <typename ShouldYield>
Connection::Next Connection::await_request(std::chrono::milliseconds idle, int other_fd,
                                           ShouldYield should_yield) {
  if (begin_ < end_ || channel_.has_pending()) return Next::request;
  const auto until = Clock::now() + idle;
  auto grace = std::chrono::milliseconds(50);
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now());
    if (left.count() <= 0) return Next::closed;
    const bool in_grace = grace.count() > 0;
    const int ready = wait_for_either(in_grace ? -1 : other_fd, in_grace ? std::min(grace, left) : left);
    grace = {};
    if (ready == 1) return Next::request;
    if (ready < 0) return Next::closed;
    if (ready == 2) {
      if (should_yield()) return Next::yielded;
      // The other worker takes the new client; until it has, do not spin.
      wait_for_either(-1, std::chrono::milliseconds(1));
    }
  }
}

}  // namespace holdfast::serve
