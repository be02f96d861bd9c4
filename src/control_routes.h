// The routes that change a running recording: GET and POST /debug/holdfast/recording.
#pragma once

#include <holdfast/result.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "serve/routes.h"

namespace holdfast {

// What they act on; called on the endpoint's threads.
struct Recording {
  std::function<bool()> is_on;
  std::function<std::uint64_t()> interval_bytes;  // 1: every allocation
  std::function<Result<void>()> start;
  std::function<void()> stop;
  std::function<Result<void>(std::uint64_t bytes)> set_interval;
};

// POST takes `on=0`, `on=1` and `interval=SIZE` or `interval=exact`, in the query or as a form, and answers
// as GET does with the state as JSON: {"recording":true,"interval_bytes":524288}. 400 tells what is wrong and
// changes nothing.
std::vector<serve::Route> control_routes(Recording recording);

}  // namespace holdfast
