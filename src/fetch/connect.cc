#include "fetch/connect.h"

#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <string>

namespace holdfast::fetch {
namespace {

std::string place(const Source& source) {
  if (source.kind == Source::Kind::unix_socket) return "unix:" + source.path;
  return source.host + ":" + std::to_string(source.port);
}

Error connect_error(const Source& source, int error_number) {
  const std::string what = "cannot connect to " + place(source) + ": " + std::strerror(error_number);
  switch (error_number) {
    case ECONNREFUSED:
      return {what, "check that the program runs with its heap endpoint open, and on this address"};
    case ENOENT:
      return {what, "check the path; the socket exists only while the program runs"};
    case EACCES:
    case EPERM:
      return {what, "a Unix socket of the endpoint answers its owner only: run as that user"};
    case ENOTSOCK:
    case EPROTOTYPE:
      return {what, "this is no listening stream socket; for a file leave out unix:"};
    case ETIMEDOUT:
    case EHOSTUNREACH:
    case ENETUNREACH:
      return {what, "check the address and the firewall between"};
    default:
      return {what, ""};
  }
}

// 0, or the errno of the failure. `fd` is non-blocking.
int connect_within(int fd, const sockaddr* address, socklen_t length, std::chrono::milliseconds timeout) {
  if (::connect(fd, address, length) == 0) return 0;
  if (errno != EINPROGRESS) return errno;
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  for (;;) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) return ETIMEDOUT;
    pollfd waiting{fd, POLLOUT, 0};
    const int ready = ::poll(&waiting, 1, static_cast<int>(left.count()));
    if (ready < 0 && errno != EINTR) return errno;
    if (ready > 0) break;
  }
  int failure = 0;
  socklen_t size = sizeof failure;
  if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &failure, &size) != 0) return errno;
  return failure;
}

// A blocking connected socket, or minus the errno.
int open_connection(int family, const sockaddr* address, socklen_t length,
                    std::chrono::milliseconds timeout) {
  const int fd = ::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return -errno;
  int failure = connect_within(fd, address, length, timeout);
  if (failure == 0 && ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) & ~O_NONBLOCK) != 0) failure = errno;
  if (failure == 0) return fd;
  ::close(fd);
  return -failure;
}

Result<int> connect_unix(const Source& source, std::chrono::milliseconds timeout) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (source.path.size() >= sizeof address.sun_path) {
    return Error{"the socket path is longer than " + std::to_string(sizeof address.sun_path - 1) +
                     " bytes: " + source.path,
                 "reach it by a shorter path, for example a symbolic link"};
  }
  std::memcpy(address.sun_path, source.path.data(), source.path.size());
  const int fd =
      open_connection(AF_UNIX, reinterpret_cast<const sockaddr*>(&address), sizeof address, timeout);
  if (fd < 0) return connect_error(source, -fd);
  return fd;
}

Error resolve_error(const Source& source, int code) {
  const std::string reason = code == EAI_SYSTEM ? std::strerror(errno) : ::gai_strerror(code);
  return {"unknown host " + source.host + ": " + reason,
          "check the spelling of the host; a file is written ./name"};
}

}  // namespace

Result<int> connect_to(const Source& source, std::chrono::milliseconds timeout) {
  if (source.kind == Source::Kind::unix_socket) return connect_unix(source, timeout);
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int code = ::getaddrinfo(source.host.c_str(), std::to_string(source.port).c_str(), &hints, &found);
  if (code != 0) return resolve_error(source, code);
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> addresses(found, ::freeaddrinfo);
  int failure = EHOSTUNREACH;
  for (const addrinfo* address = addresses.get(); address != nullptr; address = address->ai_next) {
    const int fd = open_connection(address->ai_family, address->ai_addr, address->ai_addrlen, timeout);
    if (fd >= 0) return fd;
    failure = -fd;
  }
  return connect_error(source, failure);
}

}  // namespace holdfast::fetch
