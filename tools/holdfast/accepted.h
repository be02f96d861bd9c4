// What people have accepted, for check and ci: suppressions, and a baseline. Main thread; reads files.
#pragma once

#include <holdfast/result.h>

#include <optional>
#include <string>
#include <vector>

#include "diagnose/baseline.h"
#include "diagnose/finding.h"
#include "diagnose/suppressions.h"

namespace CLI {
class App;
}

namespace holdfast::tool {

class Accepted {
 public:
  // Adds --suppressions and --baseline to `app`; `this` must outlive the parsing.
  void add_flags(CLI::App& app);

  // Reads the files asked for. Once, before the work.
  Result<void> load();

  // Marks what is accepted.
  void apply(diagnose::Diagnosis& diagnosis) const;

 private:
  std::vector<std::string> suppression_files_;
  std::string baseline_file_;
  std::vector<diagnose::Suppression> suppressions_;
  std::optional<diagnose::Baseline> baseline_;
};

}  // namespace holdfast::tool
