// A story driven as its expect file says and judged by the real tool.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "scenarios/expectation.h"
#include "scenarios/scenario_server.h"

namespace holdfast::testing {

// Sends the story's traffic to its server; fails the test when requests fail.
void drive(const ScenarioServer& server, const Expectation& expectation);

struct Verdict {
  int exit_code = -1;
  nlohmann::json report;
};
// `holdfast check SOURCE --format json`.
Verdict check(const std::string& source);

// Whether one of the site's frames is a function of that name.
bool passes_through(const nlohmann::json& site, const std::string& function);

}  // namespace holdfast::testing
