// One run of a story, from start to verdict: the server started, visited by its driver, watched from outside,
// judged by the real tool and compared with what its expect file says. Blocks for as long as the traffic
// lasts.
#pragma once

#include <chrono>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "scenarios/expectation.h"

namespace holdfast::testing {

struct StoryResult {
  std::string story, run;
  Kind kind = Kind::control;
  bool is_leak = false;             // what must be found is there
  bool found = false;               // a finding of the expected grade
  bool site_right = false;          // the first finding goes through the expected function
  bool flagged = false;             // a leak or a suspect where there is none
  std::string verdict;              // of the first finding, in a line
  std::vector<std::string> wrongs;  // what is not as expected; empty: all is
};

struct StoryOptions {
  std::chrono::seconds
      idle{};        // afterwards leave the server alone for so long, and judge once more: no other verdict
  std::string keep;  // folder for the report of a run that went wrong; empty: not kept
};

StoryResult run_story(const Expectation& expectation, const StoryOptions& options);

nlohmann::json to_json(const StoryResult& result);
StoryResult result_from_json(const nlohmann::json& json);

}  // namespace holdfast::testing
