#include "fetch/source.h"

#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>
#include <utility>

namespace holdfast::fetch {
namespace {

constexpr const char* kDefaultTarget = "/debug/pprof/heap";
constexpr const char* kHowToWrite = "write a file, -, host:port, http://host:port/path or unix:/path";

bool file_exists(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0;
}

bool has_control_character(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) { return (c >= 0 && c < ' ') || c == '\x7f'; });
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string percent_decoded(std::string_view text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && hex_digit(text[i + 1]) >= 0 && hex_digit(text[i + 2]) >= 0) {
      decoded += static_cast<char>(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2]));
      i += 2;
    } else {
      decoded += text[i];
    }
  }
  return decoded;
}

std::optional<int> parse_port(std::string_view text) {
  int port = 0;
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (failure != std::errc{} || end != text.data() + text.size() || port < 1 || port > 65535)
    return std::nullopt;
  return port;
}

// "host:port" or "host" or "[v6]:port", split; the port is empty when there is none.
struct Authority {
  std::string host;
  std::string port;
  bool has_port = false;
};

std::optional<Authority> split_authority(std::string_view text) {
  Authority split;
  if (text.starts_with('[')) {
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos) return std::nullopt;
    split.host = text.substr(1, close - 1);
    text.remove_prefix(close + 1);
    if (text.empty()) return split;
    if (text[0] != ':') return std::nullopt;
    split.has_port = true;
    split.port = text.substr(1);
    return split;
  }
  const std::size_t colon = text.find(':');
  if (colon != text.rfind(':')) return std::nullopt;  // an IPv6 address without brackets
  split.host = text.substr(0, colon);
  if (colon != std::string_view::npos) {
    split.has_port = true;
    split.port = text.substr(colon + 1);
  }
  return split;
}

// The path and query of a URL; "" and "/" mean the heap profile, as no program serves one at its root.
std::string target_of(std::string_view rest) {
  rest = rest.substr(0, rest.find('#'));
  if (rest.empty() || rest == "/") return kDefaultTarget;
  if (rest[0] == '?') return kDefaultTarget + std::string(rest);
  return std::string(rest);
}

// `rest` is what follows "scheme://".
Result<Source> parse_url(Source::Kind kind, std::string_view rest) {
  Source source;
  source.kind = kind;
  const std::size_t end = std::min(rest.find_first_of("/?#"), rest.size());
  std::string_view authority = rest.substr(0, end);
  source.target = target_of(rest.substr(end));

  if (const std::size_t at = authority.rfind('@'); at != std::string_view::npos) {
    const std::string_view credentials = authority.substr(0, at);
    const std::size_t colon = credentials.find(':');
    source.has_credentials = true;
    source.user = percent_decoded(credentials.substr(0, colon));
    if (colon != std::string_view::npos) source.password = percent_decoded(credentials.substr(colon + 1));
    authority.remove_prefix(at + 1);
  }

  const auto split = split_authority(authority);
  if (!split || split->host.empty()) return Error{source.shown() + " names no host", kHowToWrite};
  source.host = split->host;
  source.port = kind == Source::Kind::https ? 443 : 80;
  if (split->has_port) {
    const auto port = parse_port(split->port);
    if (!port)
      return Error{"'" + split->port + "' is not a port in " + source.shown(), "a port is 1 to 65535"};
    source.port = *port;
  }
  return source;
}

// unix:/path or unix:/path:/url/path. The last ":/" divides, as socket paths may hold colons.
Result<Source> parse_unix(std::string_view rest) {
  Source source;
  source.kind = Source::Kind::unix_socket;
  const std::size_t divide = rest.rfind(":/");
  source.path = rest.substr(0, divide);
  source.target = target_of(divide == std::string_view::npos ? std::string_view{} : rest.substr(divide + 1));
  if (source.path.empty()) return Error{"unix: names no socket", "write unix:/path/of/the/socket"};
  return source;
}

// "localhost:6060", ":6060", "[::1]:6060", each perhaps with a path; nothing when it is not of that kind.
std::optional<Source> parse_host_and_port(const std::string& text) {
  const std::size_t end = std::min(text.find_first_of("/?"), text.size());
  const auto split = split_authority(std::string_view(text).substr(0, end));
  if (!split || !split->has_port) return std::nullopt;
  const auto port = parse_port(split->port);
  if (!port) return std::nullopt;
  Source source;
  source.kind = Source::Kind::http;
  source.host = split->host.empty() ? "localhost" : split->host;
  source.port = *port;
  source.target = target_of(std::string_view(text).substr(end));
  return source;
}

}  // namespace

std::string Source::shown() const {
  const std::string bracketed = host.find(':') == std::string::npos ? host : "[" + host + "]";
  const std::string user_part = has_credentials ? user + "@" : "";
  switch (kind) {
    case Kind::standard_input:
      return "standard input";
    case Kind::file:
      return path;
    case Kind::unix_socket:
      return "unix:" + path + ":" + target;
    case Kind::http:
      return "http://" + user_part + bracketed + (port == 80 ? "" : ":" + std::to_string(port)) + target;
    case Kind::https:
      return "https://" + user_part + bracketed + (port == 443 ? "" : ":" + std::to_string(port)) + target;
  }
  return path;
}

Result<Source> parse_source(const std::string& text) {
  if (text.empty()) return Error{"the source is empty", kHowToWrite};
  Source source;
  if (text == "-") {
    source.kind = Source::Kind::standard_input;
    return source;
  }
  source.path = text;
  // A file on disk wins over every other reading that is not an explicit scheme.
  const std::size_t scheme_end = text.find("://");
  if (scheme_end == std::string::npos && !text.starts_with("unix:")) {
    if (file_exists(text)) return source;
    if (auto server = parse_host_and_port(text); server && !has_control_character(text))
      return std::move(*server);
    return source;
  }
  if (has_control_character(text)) return Error{"the URL holds a control character", kHowToWrite};
  const std::string_view view = text;
  if (text.starts_with("unix://")) return parse_unix(view.substr(7));
  if (text.starts_with("unix:")) return parse_unix(view.substr(5));
  const std::string_view scheme = view.substr(0, scheme_end);
  const std::string_view rest = view.substr(scheme_end + 3);
  if (scheme == "http") return parse_url(Source::Kind::http, rest);
  if (scheme == "https") return parse_url(Source::Kind::https, rest);
  if (scheme == "file") {
    source.path = rest;
    return source;
  }
  return Error{"cannot fetch from " + std::string(scheme) + "://", kHowToWrite};
}

Result<Source> follow_redirect(const Source& from, const std::string& location) {
  Source to = from;
  if (has_control_character(location) || location.empty()) {
    return Error{from.shown() + " redirects to nowhere", "name the final URL"};
  }
  if (location.starts_with('/') && !location.starts_with("//")) {
    to.target = location;
    return to;
  }
  const auto parsed = parse_source(location);
  const bool is_same_server = parsed && parsed->kind == from.kind && parsed->host == from.host &&
                              parsed->port == from.port && from.kind != Source::Kind::unix_socket;
  if (!is_same_server) {
    return Error{from.shown() + " redirects to another server: " + location,
                 "name that URL itself, if you trust it with this request"};
  }
  to.target = parsed->target;
  return to;
}

}  // namespace holdfast::fetch
