#include "serve/routes.h"

#include <charconv>
#include <exception>
#include <optional>

#include "profile/delta.h"
#include "profile/legacy_text.h"
#include "profile/pprof.h"
#include "serve/index_page.h"
#include "serve/symbol_route.h"

namespace holdfast::serve {
namespace {

const Error kBusy{"another collection is in progress", "try again in a moment"};

Response refuse_error(const Error& error) {
  const bool is_busy = error.what == kBusy.what;
  Response response =
      refuse(is_busy ? 429 : 503, error.hint.empty() ? error.what : error.what + "; " + error.hint);
  if (is_busy) response.headers.emplace_back("Retry-After", "1");
  return response;
}

Response attachment(std::string body, const std::string& name) {
  return {200,
          {{"Content-Type", "application/octet-stream"},
           {"Content-Disposition", "attachment; filename=\"" + name + "\""},
           {"X-Content-Type-Options", "nosniff"}},
          std::move(body)};
}

std::optional<int> parse_seconds(const std::string& value) {
  int seconds = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), seconds);
  if (error != std::errc() || end != value.data() + value.size()) return std::nullopt;
  return seconds;
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

}  // namespace

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
  const bool is_get = request.method == "GET" || request.method == "HEAD";
  if (const Route* route = find(path, request.method == "POST"); route && (is_get || route->is_post))
    return answer(*route, request);
  const bool is_symbol = path == "/debug/pprof/symbol" || path == "/pprof/symbol";
  if (!is_get && !(is_symbol && request.method == "POST")) return refuse_method(request, is_symbol);
  if (path == "/debug/pprof/") return index(request);
  if (path == "/" || path == "/debug/pprof") return {302, {{"Location", "/debug/pprof/"}}, {}};
  if (path == "/debug/pprof/heap") return heap(request, "inuse_space");
  if (path == "/debug/pprof/allocs") return heap(request, "alloc_space");
  if (path == "/pprof/heap") return heap_text();
  if (is_symbol) return symbol(request);
  if (path == "/debug/pprof/cmdline" || path == "/pprof/cmdline") return command_line();
  if (path == "/debug/pprof/profile" || path == "/pprof/profile") {
    return refuse(404, "there is no CPU profile here; the heap is at /debug/pprof/heap");
  }
  if (find(path, true)) return refuse_method(request, false);
  return refuse(404,
                "unknown path " + path + "; the heap is at /debug/pprof/heap, an overview at /debug/pprof/");
}

const Route* Routes::find(const std::string& path, bool is_post) const {
  for (const Route& route : sources_.more) {
    if (route.path == path && route.is_post == is_post) return &route;
  }
  return nullptr;
}

Response Routes::answer(const Route& route, const Request& request) {
  if (!route.collects) return route.answer(request);
  const Turn turn(collecting_);
  return turn ? route.answer(request) : refuse_error(kBusy);
}

Response Routes::refuse_method(const Request& request, bool is_symbol) const {
  const bool has_post = is_symbol || find(request.path, true);
  const bool has_get = is_symbol || !has_post || find(request.path, false);
  const std::string allowed = !has_post ? "GET, HEAD" : has_get ? "GET, HEAD, POST" : "POST";
  Response response =
      refuse(405, request.method + " is not answered here; use " + (has_get ? "GET" : "POST"));
  response.headers.emplace_back("Allow", allowed);
  return response;
}

Response Routes::index(const Request& request) const {
  return {200,
          {{"Content-Type", "text/html; charset=utf-8"},
           {"X-Content-Type-Options", "nosniff"},
           {"Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'"},
           {"X-Frame-Options", "DENY"}},
          index_page(sources_.facts(), sources_.more, request.header("host"))};
}

Result<profile::Profile> Routes::collect(const std::string& default_type) {
  const Turn turn(collecting_);
  if (!turn) return kBusy;
  return sources_.heap(default_type);
}

// Two profiles are taken; between them the way is free for others. Second by second, so that a client that
// has gone does not occupy the endpoint for the rest of the time.
Result<profile::Profile> Routes::collect_delta(const Request& request, int seconds,
                                               const std::string& default_type) {
  const Turn turn(waiting_);
  if (!turn) return kBusy;
  const Result<profile::Profile> before = collect(default_type);
  if (!before) return before.error();
  for (int waited = 0; waited < seconds; ++waited) {
    if (!sources_.wait(1)) return Error{"the endpoint is closing", "ask again when the program runs"};
    if (request.client_waits && !request.client_waits()) return Error{"the client has gone", ""};
  }
  const Result<profile::Profile> after = collect(default_type);
  if (!after) return after.error();
  return profile::delta(*before, *after);
}

Response Routes::heap(const Request& request, const std::string& default_type) {
  const std::string debug = request.parameter("debug");
  const bool as_text = !debug.empty() && debug != "0";
  std::optional<int> seconds;
  if (request.has_parameter("seconds")) {
    seconds = parse_seconds(request.parameter("seconds"));
    if (!seconds || *seconds < 1 || *seconds > kMaxDeltaSeconds) {
      return refuse(400, "seconds must be a whole number from 1 to " + std::to_string(kMaxDeltaSeconds));
    }
    if (as_text) return refuse(400, "seconds and debug do not go together: the text format has no deltas");
  }
  if (as_text) return heap_text();
  const std::string name = default_type == "alloc_space" ? "allocs" : "heap";
  if (seconds && request.method == "HEAD")
    return attachment({}, name);  // nobody reads what the wait would give
  const Result<profile::Profile> profile =
      seconds ? collect_delta(request, *seconds, default_type) : collect(default_type);
  if (!profile) return refuse_error(profile.error());
  return attachment(profile::encode_pprof(*profile), name);
}

Response Routes::heap_text() {
  const Result<profile::Profile> profile = collect("inuse_space");
  if (!profile) return refuse_error(profile.error());
  Result<std::string> encoded = profile::encode_legacy_text(*profile);
  return encoded ? text(200, std::move(encoded).value()) : refuse_error(encoded.error());
}

Response Routes::symbol(const Request& request) const {
  return text(200, symbol_answer(request, sources_.names));
}

Response Routes::command_line() const {
  std::string arguments = sources_.command_line();
  while (!arguments.empty() && arguments.back() == '\0') arguments.pop_back();
  return text(200, std::move(arguments));
}

}  // namespace holdfast::serve
