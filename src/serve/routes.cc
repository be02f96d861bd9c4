#include "serve/routes.h"

#include <charconv>
#include <exception>
#include <optional>
#include <string_view>

#include "profile/delta.h"
#include "profile/legacy_text.h"
#include "profile/pprof.h"

namespace holdfast::serve {
namespace {

constexpr std::size_t kMaxSymbolAddresses = 100'000;

Response text(int status, std::string body) {
  return {status, {{"Content-Type", "text/plain; charset=utf-8"}, {"X-Content-Type-Options", "nosniff"}},
          std::move(body)};
}

// The form in which `go tool pprof` prints a refusal's body.
Response refuse(int status, const std::string& why) {
  Response response = text(status, why + "\n");
  response.headers.emplace_back("X-Go-Pprof", "1");
  return response;
}

Response refuse(int status, const Error& error) {
  return refuse(status, error.hint.empty() ? error.what : error.what + "; " + error.hint);
}

Response attachment(std::string body, const std::string& name) {
  return {200,
          {{"Content-Type", "application/octet-stream"},
           {"Content-Disposition", "attachment; filename=\"" + name + "\""},
           {"X-Content-Type-Options", "nosniff"}},
          std::move(body)};
}

std::string escape_html(std::string_view raw) {
  std::string out;
  for (const char c : raw) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      default: out += c;
    }
  }
  return out;
}

std::optional<int> parse_seconds(const std::string& value) {
  int seconds = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), seconds);
  if (error != std::errc() || end != value.data() + value.size()) return std::nullopt;
  return seconds;
}

// Hexadecimal addresses joined by '+', as pprof and the perl tools send them, padded or not.
std::vector<std::uint64_t> parse_addresses(std::string_view list) {
  std::vector<std::uint64_t> addresses;
  while (!list.empty() && addresses.size() < kMaxSymbolAddresses) {
    const std::size_t plus = list.find('+');
    std::string_view one = list.substr(0, plus);
    list.remove_prefix(plus == std::string_view::npos ? list.size() : plus + 1);
    while (!one.empty() && (one.back() == '\n' || one.back() == '\r' || one.back() == ' ')) one.remove_suffix(1);
    if (one.starts_with("0x") || one.starts_with("0X")) one.remove_prefix(2);
    std::uint64_t address = 0;
    const auto [end, error] = std::from_chars(one.data(), one.data() + one.size(), address, 16);
    if (error == std::errc() && end == one.data() + one.size() && !one.empty()) addresses.push_back(address);
  }
  return addresses;
}

std::string hex(std::uint64_t value) {
  char digits[16];
  const auto [end, error] = std::to_chars(digits, digits + sizeof(digits), value, 16);
  return "0x" + std::string(digits, end);
}

// Holds the one place at the collection for a scope.
class Turn {
 public:
  explicit Turn(std::atomic<bool>& taken) : taken_(taken), mine_(!taken.exchange(true)) {}
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  ~Turn() {
    if (mine_) taken_.store(false);
  }
  explicit operator bool() const { return mine_; }

 private:
  std::atomic<bool>& taken_;
  const bool mine_;
};

const char kBusy[] = "another collection is in progress; try again in a moment";

}  // namespace

std::string Request::header(const std::string& lower_case_name) const {
  const auto it = headers.find(lower_case_name);
  return it == headers.end() ? std::string() : it->second;
}

std::string Request::parameter(const std::string& name) const {
  const auto it = query.find(name);
  return it == query.end() ? std::string() : it->second;
}

Response Routes::handle(const Request& request) noexcept {
  try {
    return dispatch(request);
  } catch (const std::exception& e) {
    try {
      return refuse(500, std::string("the profile could not be made: ") + e.what());
    } catch (...) {
      return {500, {}, {}};
    }
  }
}

Response Routes::dispatch(const Request& request) {
  const std::string& path = request.path;
  const bool is_symbol = path == "/debug/pprof/symbol" || path == "/pprof/symbol";
  if (request.method != "GET" && request.method != "HEAD" && !(is_symbol && request.method == "POST")) {
    Response response = refuse(405, request.method + " is not answered here; use GET");
    response.headers.emplace_back("Allow", is_symbol ? "GET, HEAD, POST" : "GET, HEAD");
    return response;
  }
  if (path == "/debug/pprof/") return index();
  if (path == "/" || path == "/debug/pprof") return {302, {{"Location", "/debug/pprof/"}}, {}};
  if (path == "/debug/pprof/heap") return heap(request, "inuse_space");
  if (path == "/debug/pprof/allocs") return heap(request, "alloc_space");
  if (path == "/pprof/heap") return heap_text();
  if (is_symbol) return symbol(request);
  if (path == "/debug/pprof/cmdline" || path == "/pprof/cmdline") return command_line();
  if (path == "/debug/pprof/profile" || path == "/pprof/profile") {
    return refuse(404, "there is no CPU profile here; the heap is at /debug/pprof/heap");
  }
  return refuse(404, "unknown path " + path + "; the heap is at /debug/pprof/heap, an overview at /debug/pprof/");
}

Response Routes::index() const {
  std::string rows;
  for (const auto& [name, value] : sources_.facts()) {
    rows += "<tr><th>" + escape_html(name) + "</th><td>" + escape_html(value) + "</td></tr>\n";
  }
  std::string page =
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Holdfast</title>\n"
      "<style>body{font:15px/1.5 system-ui,sans-serif;margin:2em;max-width:60em}th{text-align:left;padding-right:1.5em;"
      "font-weight:500;vertical-align:top}code,pre{background:#8881;padding:.1em .3em}</style></head>\n"
      "<body><h1>Holdfast: the heap of this process</h1>\n<table>\n" +
      rows +
      "</table>\n<h2>Profiles</h2>\n<ul>\n"
      "<li><a href=\"heap\">heap</a>: what is in use, and what was allocated (gzipped pprof)</li>\n"
      "<li><a href=\"allocs\">allocs</a>: the same, shown by what was allocated</li>\n"
      "<li><a href=\"heap?debug=1\">heap as text</a></li>\n<li><a href=\"cmdline\">cmdline</a></li>\n</ul>\n"
      "<h2>To paste</h2>\n<pre>go tool pprof -top http://HOST:PORT/debug/pprof/heap\n"
      "go tool pprof -http=: http://HOST:PORT/debug/pprof/heap\n"
      "holdfast check http://HOST:PORT\ngoogle-pprof --text http://HOST:PORT/pprof/heap\n</pre></body></html>\n";
  return {200,
          {{"Content-Type", "text/html; charset=utf-8"},
           {"X-Content-Type-Options", "nosniff"},
           {"Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'"},
           {"X-Frame-Options", "DENY"}},
          std::move(page)};
}

Result<profile::Profile> Routes::collect(const Request& request, const std::string& default_type) {
  Result<profile::Profile> now = sources_.heap(default_type);
  if (!now || !request.has_parameter("seconds")) return now;
  if (!sources_.wait(*parse_seconds(request.parameter("seconds")))) {
    return Error{"the endpoint is closing", "ask again when the program runs"};
  }
  Result<profile::Profile> later = sources_.heap(default_type);
  if (!later) return later;
  return profile::delta(*now, *later);
}

Response Routes::heap(const Request& request, const std::string& default_type) {
  const std::string debug = request.parameter("debug");
  const bool as_text = !debug.empty() && debug != "0";
  if (request.has_parameter("seconds")) {
    const std::optional<int> seconds = parse_seconds(request.parameter("seconds"));
    if (!seconds || *seconds < 1 || *seconds > kMaxDeltaSeconds) {
      return refuse(400, "seconds must be a whole number from 1 to " + std::to_string(kMaxDeltaSeconds));
    }
    if (as_text) return refuse(400, "seconds and debug do not go together: the text format has no deltas");
  }
  if (as_text) return heap_text();
  const Turn turn(collecting_);
  if (!turn) return refuse(429, kBusy);
  const Result<profile::Profile> profile = collect(request, default_type);
  if (!profile) return refuse(503, profile.error());
  return attachment(profile::encode_pprof(*profile), default_type == "alloc_space" ? "allocs" : "heap");
}

Response Routes::heap_text() {
  const Turn turn(collecting_);
  if (!turn) return refuse(429, kBusy);
  const Result<profile::Profile> profile = sources_.heap("inuse_space");
  if (!profile) return refuse(503, profile.error());
  Result<std::string> encoded = profile::encode_legacy_text(*profile);
  return encoded ? text(200, std::move(encoded).value()) : refuse(500, encoded.error());
}

Response Routes::symbol(const Request& request) const {
  // The count only has to be positive; pprof asks for nothing when it is 0.
  if (request.method != "POST" && request.query.empty()) return text(200, "num_symbols: 1\n");
  std::string list = request.body;
  if (request.method != "POST") {
    // A GET's addresses are its whole query, which arrives as names without values.
    for (const auto& [name, value] : request.query) list += (list.empty() ? "" : "+") + name;
    for (char& c : list) c = c == ' ' ? '+' : c;
  }
  const std::vector<std::uint64_t> addresses = parse_addresses(list);
  const std::vector<std::string> names = sources_.names(addresses);
  std::string body = request.method == "POST" ? "" : "num_symbols: 1\n";
  for (std::size_t i = 0; i < addresses.size() && i < names.size(); ++i) {
    if (!names[i].empty()) body += hex(addresses[i]) + " " + names[i] + "\n";
  }
  return text(200, std::move(body));
}

Response Routes::command_line() const { return text(200, sources_.command_line()); }

}  // namespace holdfast::serve
