// A socket that a forked child does not keep: otherwise the child would hold the port, and clients of a
// parent that has ended would wait for an answer from nobody. Any thread; allocates nothing.
#pragma once

namespace holdfast::serve {

class Socket {
 public:
  Socket() = default;
  explicit Socket(int fd) noexcept;  // takes it over; -1 for none
  Socket(Socket&& other) noexcept;
  Socket& operator=(Socket&& other) noexcept;
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  ~Socket() { close(); }

  int fd() const noexcept { return fd_; }
  explicit operator bool() const noexcept { return fd_ >= 0; }
  void close() noexcept;

 private:
  int fd_ = -1;
};

}  // namespace holdfast::serve
