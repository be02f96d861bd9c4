// How check, ci and watch tell a verdict: the formats, and the exit status. Main thread; allocates.
#pragma once

#include <holdfast/result.h>

#include <string>
#include <vector>

#include "diagnose/finding.h"
#include "outputs.h"
#include "profile/profile.h"

namespace CLI {
class App;
}

namespace holdfast::tool {

// Adds --source-root, by default the current directory, for the formats that name files of a repository.
void add_source_root_flag(CLI::App& app, std::string& root);

// Where a GitHub step's summary is wanted (GITHUB_STEP_SUMMARY), appends to it.
Result<void> append_step_summary(const std::string& markdown);

class VerdictOutput {
 public:
  // Adds --format, -o, --all, --no-holders, --name, --source-root and --inconclusive to `app`; `this` must outlive the
  // parsing.
  void add_flags(CLI::App& app);

  // Checks the formats and opens the files; before the work.
  Result<void> open() { return outputs_.open(); }

  // Whether the running program is asked who holds what leaks: unless --no-holders says otherwise.
  bool wants_holders() const { return !no_holders_; }

  // Writes every format asked for; `sources` are what was read. For growth as a profile: `last` since
  // `first`, which may be the same snapshot. Returns the exit status.
  Result<int> write(const diagnose::Diagnosis& diagnosis, const std::vector<std::string>& sources,
                    const profile::Profile& first, const profile::Profile& last);

 private:
  Outputs outputs_;
  bool all_ = false, no_holders_ = false;
  std::string name_, source_root_, inconclusive_ = "fail";
};

}  // namespace holdfast::tool
