// A story visited by its driver and judged by the real tool.
#pragma once

#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "scenarios/expectation.h"
#include "support/subprocess.h"

namespace holdfast::testing {

// The driver of a story, a process of its own. Its clients stay connected until it is told to leave, as what
// some stories hold depends on that. Throws when the traffic does not go as it should.
class Driver {
 public:
  Driver(const std::string& app, const Expectation& expectation);

  // Waits until all requests have been answered as expected.
  void finish();
  void leave();

 private:
  std::uint64_t requests_;
  Process process_;
};

struct Verdict {
  int exit_code = -1;
  nlohmann::json report;
};
// `holdfast check SOURCE --format json`, with a declared bound unless it is empty. Throws when the tool says
// no verdict.
Verdict check(const std::string& source, const std::string& bound = "");

// Whether one of the site's frames is a function of that name.
bool passes_through(const nlohmann::json& site, const std::string& function);

}  // namespace holdfast::testing
