#include "serve/cpu_route.h"

#include <utility>

#include "profile/pprof.h"
#include "serve/heap_routes.h"
#include "serve/turn.h"

namespace holdfast::serve {

Response CpuRoute::answer(const Request& request, bool as_legacy) {
  if (!sources_.cpu || !sources_.cpu->start) {
    return refuse(
        404,
        "there is no CPU profile here, as the program does not link gperftools' profiler (-lprofiler); the "
        "heap is at /debug/pprof/heap");
  }
  std::optional<int> seconds = kDefaultSeconds;
  if (request.has_parameter("seconds")) seconds = parse_seconds(request.parameter("seconds"), kMaxSeconds);
  if (!seconds) return refuse(400, "seconds must be a whole number from 1 to " + std::to_string(kMaxSeconds));
  if (request.method == "HEAD") return attachment({}, "profile");  // nobody reads what the wait would give
  const Turn turn(taken_);
  if (!turn) return refuse_error(kBusy);
  return take(request, *seconds, as_legacy);
}

Response CpuRoute::take(const Request& request, int seconds, bool as_legacy) {
  if (const Result<void> started = sources_.cpu->start(); !started) return refuse_error(started.error());
  bool is_whole = true;
  for (int waited = 0; waited < seconds && is_whole; ++waited) {
    is_whole = sources_.wait(1) && (!request.client_waits || request.client_waits());
  }
  // Also when nobody waits for it: the profiler must not run on.
  Result<std::string> legacy = sources_.cpu->stop();
  if (!is_whole) return refuse(503, "the client has gone, or the endpoint is closing");
  if (!legacy) return refuse_error(legacy.error());
  if (as_legacy) return attachment(std::move(legacy).value(), "profile");
  const Result<profile::Profile> profile = sources_.cpu->explain(*legacy);
  if (!profile) return refuse_error(profile.error());
  return attachment(profile::encode_pprof(*profile), "profile");
}

}  // namespace holdfast::serve
