// The flags by which check, watch and baseline judge. Main thread.
#pragma once

#include <holdfast/result.h>

#include <string>
#include <vector>

#include "diagnose/policy.h"

namespace CLI {
class App;
}

namespace holdfast::tool {

class PolicyFlags {
 public:
  // Adds --budget, --warm-up, --limit and --bound to `app`; `this` must outlive the parsing.
  void add_flags(CLI::App& app);

  Result<diagnose::Policy> policy() const;

 private:
  std::string budget_, warm_up_, limit_;
  std::vector<std::string> bounds_;
};

}  // namespace holdfast::tool
