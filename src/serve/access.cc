#include "serve/access.h"

#include <algorithm>
#include <cctype>
#include <charconv>

namespace holdfast::serve {
namespace {

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(),
                         [](unsigned char c) { return static_cast<char>(c < 128 ? std::tolower(c) : c); });
  return text;
}

// All of 127.0.0.0/8, as digits and dots only: "127.example.com" is a name like any other.
bool is_loopback(const std::string& host) {
  if (host == "localhost" || host == "::1") return true;
  return host.starts_with("127.") && host.find_first_not_of("0123456789.") == std::string::npos;
}

// Splits "host:port", "[v6]:port" or a bare host; the port is left empty where there is none.
struct HostPort {
  std::string host, port;
};
std::optional<HostPort> split(const std::string& text) {
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

std::optional<int> parse_port(const std::string& text) {
  int port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size() || port < 0 || port > 65535)
    return std::nullopt;
  return port;
}

Response forbidden(const std::string& why) {
  return {403, {{"Content-Type", "text/plain; charset=utf-8"}, {"X-Go-Pprof", "1"}}, why + "\n"};
}

}  // namespace

Result<ListenAddress> parse_listen_address(const std::string& text) {
  if (text.starts_with("unix:")) {
    const std::string path = text.substr(5);
    // sockaddr_un holds 108 bytes with the terminating NUL (unix(7)).
    if (path.empty() || path.size() > 107) {
      return Error{"'" + text + "' is no usable socket path", "give unix:/path with at most 107 characters"};
    }
    return ListenAddress{"", 0, path};
  }
  const std::optional<HostPort> parts = split(text);
  const std::optional<int> port = parts ? parse_port(parts->port) : std::nullopt;
  if (!port || parts->port.empty()) {
    return Error{"'" + text + "' is no address to listen at",
                 "give host:port such as 127.0.0.1:6060, or unix:/path"};
  }
  const std::string host = parts->host.empty() ? "127.0.0.1" : lower(parts->host);
  if (!is_loopback(host)) {
    return Error{"refusing to listen at " + text +
                     ": it is not this machine's loopback and nothing asks for a password",
                 "listen at 127.0.0.1 or unix:/path, and reach it from elsewhere through ssh -L"};
  }
  return ListenAddress{host, *port, ""};
}

std::optional<Response> refuse_stranger(const Request& request, const ListenAddress& address) {
  if (address.unix_path.empty()) {
    const std::optional<HostPort> host = split(lower(request.header("host")));
    if (!host || !is_loopback(host->host) || request.headers.count("host") != 1) {
      return forbidden("the Host header names another machine; ask for 127.0.0.1 or localhost");
    }
  }
  const std::string site = request.header("sec-fetch-site");
  if (!site.empty() && site != "same-origin" && site != "none") {
    return forbidden("a page of another site may not read the heap; open the address itself");
  }
  const std::string origin = lower(request.header("origin"));
  if (!origin.empty() && origin != "http://" + lower(request.header("host"))) {
    return forbidden("a page of another site may not read the heap; open the address itself");
  }
  return std::nullopt;
}

}  // namespace holdfast::serve
