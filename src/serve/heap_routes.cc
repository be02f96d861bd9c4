#include "serve/heap_routes.h"

#include <charconv>
#include <utility>

#include "profile/delta.h"
#include "profile/legacy_text.h"
#include "profile/pprof.h"
#include "serve/turn.h"

namespace holdfast::serve {

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

std::optional<int> parse_seconds(const std::string& value, int most) {
  int seconds = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), seconds);
  if (error != std::errc() || end != value.data() + value.size() || seconds < 1 || seconds > most)
    return std::nullopt;
  return seconds;
}

Result<profile::Profile> HeapRoutes::collect(const std::string& default_type) {
  const Turn turn(collecting_);
  if (!turn) return kBusy;
  return sources_.heap(default_type);
}

Response HeapRoutes::in_turn(const Route& route, const Request& request) {
  const Turn turn(collecting_);
  return turn ? route.answer(request) : refuse_error(kBusy);
}

// Two profiles are taken; between them the way is free for others. Second by second, so that a client that
// has gone does not occupy the endpoint for the rest of the time.
Result<profile::Profile> HeapRoutes::collect_delta(const Request& request, int seconds,
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

Response HeapRoutes::heap(const Request& request, const std::string& default_type) {
  const std::string debug = request.parameter("debug");
  const bool as_text = !debug.empty() && debug != "0";
  std::optional<int> seconds;
  if (request.has_parameter("seconds")) {
    seconds = parse_seconds(request.parameter("seconds"), kMaxSeconds);
    if (!seconds)
      return refuse(400, "seconds must be a whole number from 1 to " + std::to_string(kMaxSeconds));
    if (as_text) return refuse(400, "seconds and debug do not go together: the text format has no deltas");
  }
  if (as_text) return text();
  const std::string name = default_type == "alloc_space" ? "allocs" : "heap";
  if (seconds && request.method == "HEAD")
    return attachment({}, name);  // nobody reads what the wait would give
  const Result<profile::Profile> profile =
      seconds ? collect_delta(request, *seconds, default_type) : collect(default_type);
  if (!profile) return refuse_error(profile.error());
  return attachment(profile::encode_pprof(*profile), name);
}

Response HeapRoutes::text() {
  const Result<profile::Profile> profile = collect("inuse_space");
  if (!profile) return refuse_error(profile.error());
  Result<std::string> encoded = profile::encode_legacy_text(*profile);
  return encoded ? serve::text(200, std::move(encoded).value()) : refuse_error(encoded.error());
}

Response HeapRoutes::delta(const Request& request) {
  const std::string base = request.parameter("base");
  if (base.empty() || base.size() > DeltaBases::kMaxNameBytes) {
    return refuse(400,
                  "name the base, so that nobody else moves it: /debug/pprof/delta_heap?base=NAME, at most " +
                      std::to_string(DeltaBases::kMaxNameBytes) + " bytes");
  }
  // It would move the base without anybody reading what came before.
  if (request.method == "HEAD") return attachment({}, "delta_heap");
  const Turn turn(collecting_);
  if (!turn) return refuse_error(kBusy);
  Result<profile::Profile> now = sources_.heap("alloc_space");
  if (!now) return refuse_error(now.error());
  return attachment(profile::encode_pprof(bases_.since(base, std::move(now).value())), "delta_heap");
}

}  // namespace holdfast::serve
