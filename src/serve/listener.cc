#include "serve/listener.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

namespace holdfast::serve {
namespace {

constexpr int kBacklog = 16;

std::string reason(int error) {
  return error == EADDRINUSE ? "address in use" : std::generic_category().message(error);
}

Error cannot_bind(const std::string& where, const std::string& why, const std::string& hint) {
  return Error{"cannot bind " + where + ": " + why, hint};
}

Socket new_socket(int family) {
  return Socket(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

sockaddr_un unix_address(const std::string& path) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  return address;
}

bool somebody_listens(const std::string& path) {
  const Socket probe = new_socket(AF_UNIX);
  const sockaddr_un address = unix_address(path);
  // EAGAIN: it listens, and its queue is full.
  return probe && (::connect(probe.fd(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ||
                   errno == EAGAIN);
}

Result<void> clear_stale_socket(const std::string& path) {
  struct stat status;
  if (::lstat(path.c_str(), &status) != 0) return {};
  const std::string where = "unix:" + path;
  if (!S_ISSOCK(status.st_mode)) {
    return cannot_bind(where, "a file of that name exists", "remove it, or choose another path");
  }
  if (somebody_listens(path)) return cannot_bind(where, "address in use", "choose another path");
  ::unlink(path.c_str());
  return {};
}

}  // namespace

Result<Listener> Listener::open(ListenAddress address) {
  Listener listener;
  listener.address_ = std::move(address);
  const Result<void> opened =
      listener.address_.unix_path.empty() ? listener.open_tcp() : listener.open_unix();
  if (!opened) return opened.error();
  return listener;
}

Result<void> Listener::open_tcp() {
  const std::string host = address_.host == "localhost" ? "127.0.0.1" : address_.host;
  const bool is_v6 = host.find(':') != std::string::npos;
  const std::string where = (is_v6 ? "[" + host + "]" : host) + ":" + std::to_string(address_.port);
  const auto port = htons(static_cast<std::uint16_t>(address_.port));
  sockaddr_in v4 = {};
  v4.sin_family = AF_INET;
  v4.sin_port = port;
  sockaddr_in6 v6 = {};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = port;
  if (::inet_pton(is_v6 ? AF_INET6 : AF_INET, host.c_str(),
                  is_v6 ? static_cast<void*>(&v6.sin6_addr) : static_cast<void*>(&v4.sin_addr)) != 1) {
    return cannot_bind(where, "not an address", "write it in full, such as 127.0.0.1:6060");
  }
  auto* bound = is_v6 ? reinterpret_cast<sockaddr*>(&v6) : reinterpret_cast<sockaddr*>(&v4);
  socklen_t size = is_v6 ? sizeof v6 : sizeof v4;
  socket_ = new_socket(is_v6 ? AF_INET6 : AF_INET);
  const int yes = 1;
  if (socket_) ::setsockopt(socket_.fd(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (!socket_ || ::bind(socket_.fd(), bound, size) != 0 || ::listen(socket_.fd(), kBacklog) != 0 ||
      ::getsockname(socket_.fd(), bound, &size) != 0) {
    return cannot_bind(where, reason(errno), "choose another port, or port 0 for a free one");
  }
  address_.port = ntohs(is_v6 ? v6.sin6_port : v4.sin_port);
  return {};
}

Result<void> Listener::open_unix() {
  const std::string& path = address_.unix_path;
  if (Result<void> cleared = clear_stale_socket(path); !cleared) return cleared;
  const sockaddr_un address = unix_address(path);
  socket_ = new_socket(AF_UNIX);
  struct stat status = {};
  // Nobody can connect between bind and listen, so the mode is right before the first client.
  if (!socket_ || ::bind(socket_.fd(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::chmod(path.c_str(), S_IRUSR | S_IWUSR) != 0 || ::lstat(path.c_str(), &status) != 0 ||
      ::listen(socket_.fd(), kBacklog) != 0) {
    return cannot_bind("unix:" + path, reason(errno),
                       "choose a path in a directory this process may write to");
  }
  device_ = status.st_dev;
  inode_ = status.st_ino;
  return {};
}

void Listener::remove_name() const noexcept {
  struct stat status;
  if (address_.unix_path.empty() || ::lstat(address_.unix_path.c_str(), &status) != 0) return;
  if (status.st_dev == device_ && status.st_ino == inode_) ::unlink(address_.unix_path.c_str());
}

}  // namespace holdfast::serve
