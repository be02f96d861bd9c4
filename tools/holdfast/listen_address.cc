#include "listen_address.h"

#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <memory>

namespace holdfast::tool {
namespace {

constexpr const char* kHowToWrite =
    "write host:port, such as 127.0.0.1:6060 (port 0 picks a free one), unix:/path, or none";

bool is_port(const std::string& text) {
  unsigned port = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), port);
  return failure == std::errc{} && end == text.data() + text.size() && port <= 65535;
}

// 0, or the errno with which it cannot be bound. The options are a server's: an old connection in TIME_WAIT
// is no obstacle.
int bind_failure(const addrinfo& address) {
  const int fd = ::socket(address.ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return errno;
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const int failure = ::bind(fd, address.ai_addr, address.ai_addrlen) == 0 ? 0 : errno;
  ::close(fd);
  return failure;
}

Result<std::string> usable_host_and_port(const std::string& address) {
  const std::size_t colon = address.rfind(':');
  if (colon == std::string::npos || colon == 0 || !is_port(address.substr(colon + 1))) {
    return Error{"'" + address + "' is no address to listen on", kHowToWrite};
  }
  std::string host = address.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int code = ::getaddrinfo(host.c_str(), address.c_str() + colon + 1, &hints, &found);
  if (code != 0) return Error{"cannot listen on " + address + ": " + ::gai_strerror(code), kHowToWrite};
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> addresses(found, ::freeaddrinfo);
  if (const int failure = bind_failure(*addresses); failure != 0) {
    return Error{
        "cannot listen on " + address + ": " + std::strerror(failure),
        failure == EADDRINUSE ? "choose another port: --listen 127.0.0.1:0 takes a free one" : kHowToWrite};
  }
  return address;
}

}  // namespace

Result<std::string> usable_listen_address(const std::string& address) {
  constexpr std::string_view kUnix = "unix:";
  if (!address.starts_with(kUnix)) return usable_host_and_port(address);
  const std::string path = address.substr(kUnix.size());
  if (path.empty()) return Error{"'" + address + "' names no socket", kHowToWrite};
  return "unix:" + std::filesystem::absolute(path).string();
}

}  // namespace holdfast::tool
