#include "control_routes.h"

#include <memory>
#include <optional>
#include <utility>

#include "base/units.h"

namespace holdfast {
namespace {

constexpr char kPath[] = "/debug/holdfast/recording";

serve::Response state(const Recording& recording) {
  return serve::json(std::string("{\"recording\":") + (recording.is_on() ? "true" : "false") +
                     ",\"interval_bytes\":" + std::to_string(recording.interval_bytes()) + "}\n");
}

serve::Response refuse(const Error& error) {
  return serve::refuse(400, error.hint.empty() ? error.what : error.what + "; " + error.hint);
}

serve::Response change(const Recording& recording, const serve::Request& request) {
  const std::string on = serve::parameter_or_field(request, "on");
  const std::string interval = serve::parameter_or_field(request, "interval");
  if ((on.empty() && interval.empty()) || (!on.empty() && on != "0" && on != "1")) {
    return serve::refuse(400, "say on=1, on=0 or interval=SIZE, such as interval=512KiB or interval=exact");
  }
  if (!interval.empty()) {
    const Result<std::uint64_t> bytes =
        interval == "exact" ? Result<std::uint64_t>(1) : base::parse_bytes(interval);
    if (!bytes) return refuse(bytes.error());
    if (Result<void> done = recording.set_interval(*bytes); !done) return refuse(done.error());
  }
  if (on == "0") recording.stop();
  if (on == "1") {
    if (Result<void> done = recording.start(); !done) return refuse(done.error());
  }
  return state(recording);
}

}  // namespace

std::vector<serve::Route> control_routes(Recording recording) {
  const auto shared = std::make_shared<const Recording>(std::move(recording));
  return {{.path = kPath,
           .about = "whether and how densely allocations are recorded; POST on= or interval= changes it",
           .answer = [shared](const serve::Request&) { return state(*shared); }},
          {.path = kPath, .about = {}, .is_post = true, .answer = [shared](const serve::Request& request) {
             return change(*shared, request);
           }}};
}

}  // namespace holdfast
