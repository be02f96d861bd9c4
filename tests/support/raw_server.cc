#include "support/raw_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <stdexcept>
#include <utility>

namespace holdfast::testing {
namespace {

sockaddr_in loopback() {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

int bound_socket(const sockaddr* address, socklen_t size) {
  const int fd = ::socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || ::bind(fd, address, size) != 0) throw std::runtime_error(std::strerror(errno));
  return fd;
}

int port_of(int fd) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  return ntohs(address.sin_port);
}

}  // namespace

RawServer::RawServer(std::string answer, Afterwards afterwards)
    : answer_(std::move(answer)), afterwards_(afterwards) {
  const sockaddr_in address = loopback();
  listener_ = bound_socket(reinterpret_cast<const sockaddr*>(&address), sizeof address);
  port_ = port_of(listener_);
  ::listen(listener_, 16);
  thread_ = std::thread([this] { serve(); });
}

RawServer::RawServer(const std::string& path, std::string answer)
    : answer_(std::move(answer)), afterwards_(Afterwards::close) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  listener_ = bound_socket(reinterpret_cast<const sockaddr*>(&address), sizeof address);
  ::listen(listener_, 16);
  thread_ = std::thread([this] { serve(); });
}

RawServer::~RawServer() {
  ::shutdown(listener_, SHUT_RDWR);
  thread_.join();
  ::close(listener_);
  for (const int connection : held_) ::close(connection);
}

std::vector<std::string> RawServer::requests() const {
  const std::lock_guard lock(mutex_);
  return requests_;
}

void RawServer::serve() {
  for (;;) {
    const int connection = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (connection < 0) return;
    answer_one(connection);
  }
}

void RawServer::answer_one(int connection) {
  std::string head;
  char buffer[4096];
  while (head.find("\r\n\r\n") == std::string::npos) {
    const ssize_t got = ::recv(connection, buffer, sizeof buffer, 0);
    if (got <= 0) break;
    head.append(buffer, static_cast<std::size_t>(got));
    constexpr char kTlsHandshake = 0x16;
    if (head[0] == kTlsHandshake) break;  // its client waits for an answer, not we for a blank line
  }
  {
    const std::lock_guard lock(mutex_);
    requests_.push_back(head);
  }
  for (std::size_t sent = 0; sent < answer_.size();) {
    const ssize_t put = ::send(connection, answer_.data() + sent, answer_.size() - sent, MSG_NOSIGNAL);
    if (put <= 0) break;
    sent += static_cast<std::size_t>(put);
  }
  if (afterwards_ == Afterwards::keep_silent) {
    held_.push_back(connection);
  } else {
    ::close(connection);
  }
}

std::string http_answer(const std::string& body) {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

int unused_port() {
  const sockaddr_in address = loopback();
  const int fd = bound_socket(reinterpret_cast<const sockaddr*>(&address), sizeof address);
  const int port = port_of(fd);
  ::close(fd);
  return port;
}

}  // namespace holdfast::testing
