// GET /debug/holdfast/memory: where the process' resident memory is, as JSON. Joins the rooms serve, snapshot
// and diagnose for the session; called on the endpoint's quiet threads.
#pragma once

#include <vector>

#include "serve/routes.h"

namespace holdfast {

std::vector<serve::Route> memory_routes();

}  // namespace holdfast
