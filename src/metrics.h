// GET /metrics: what an operator graphs, in Prometheus' text format 0.0.4. Joins the rooms serve, snapshot
// and diagnose for the session; called on the endpoint's quiet threads.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "serve/sources.h"

namespace holdfast {

class Watch;

// `watch` may be null; it must outlive the routes. At most one answer a second is made anew, whoever asks.
std::vector<serve::Route> metrics_routes(const Watch* watch);

// A label's value as the format wants it: backslash, quote and line end escaped, valid UTF-8, at most 200
// bytes.
std::string metric_label_value(std::string_view text);

}  // namespace holdfast
