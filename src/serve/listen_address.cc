#include "serve/listen_address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cctype>
#include <charconv>

namespace holdfast::serve {
namespace {

std::optional<int> parse_port(const std::string& text) {
  int port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size() || port < 0 || port > 65535)
    return std::nullopt;
  return port;
}

bool is_in_numbers(const std::string& host) {
  unsigned char address[16];
  return ::inet_pton(AF_INET, host.c_str(), address) == 1 ||
         ::inet_pton(AF_INET6, host.c_str(), address) == 1;
}

}  // namespace

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(),
                         [](unsigned char c) { return static_cast<char>(c < 128 ? std::tolower(c) : c); });
  return text;
}

std::optional<HostPort> split_host(const std::string& text) {
  if (text.starts_with('[')) {
    const std::size_t close = text.find(']');
    if (close == std::string::npos) return std::nullopt;
    const std::string rest = text.substr(close + 1);
    if (!rest.empty() && rest[0] != ':') return std::nullopt;
    return HostPort{text.substr(1, close - 1), rest.empty() ? "" : rest.substr(1)};
  }
  const std::size_t colon = text.find(':');
  if (colon == std::string::npos) return HostPort{text, ""};
  if (text.find(':', colon + 1) != std::string::npos) return std::nullopt;
  return HostPort{text.substr(0, colon), text.substr(colon + 1)};
}

bool is_loopback_host(const std::string& host) {
  if (host == "localhost" || host == "::1") return true;
  return host.starts_with("127.") && host.find_first_not_of("0123456789.") == std::string::npos;
}

bool is_local(const ListenAddress& address) { return address.is_unix() || is_loopback_host(address.host); }

Result<ListenAddress> parse_listen_address(const std::string& text) {
  if (text.starts_with("unix:")) {
    const std::string path = text.substr(5);
    // sockaddr_un holds 108 bytes with the terminating NUL (unix(7)).
    if (path.empty() || path.size() > 107) {
      return Error{"'" + text + "' is no usable socket path", "give unix:/path with at most 107 characters"};
    }
    return ListenAddress{"", 0, path};
  }
  const std::optional<HostPort> parts = split_host(text);
  const std::optional<int> port = parts ? parse_port(parts->port) : std::nullopt;
  if (!port || parts->port.empty()) {
    return Error{"'" + text + "' is no address to listen at",
                 "give host:port such as 127.0.0.1:6060, or unix:/path"};
  }
  const std::string host = parts->host.empty() ? "127.0.0.1" : lower(parts->host);
  if (host != "localhost" && !is_in_numbers(host)) {
    return Error{"'" + text + "' is no address to listen at: " + host + " is a name",
                 "write the address in numbers, such as 127.0.0.1:6060 or 0.0.0.0:6060"};
  }
  return ListenAddress{host, *port, ""};
}

}  // namespace holdfast::serve
