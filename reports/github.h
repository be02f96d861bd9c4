// Findings as annotations of a GitHub workflow: its runner reads these lines from a step's standard output.
// Pure; any thread; allocates.
#pragma once

#include <string>

#include "diagnose/compare.h"
#include "diagnose/finding.h"
#include "reports/context.h"

namespace holdfast::reports {

// At most ten errors and ten warnings, as GitHub shows no more of a step; a last line says how many are only
// in the summary.
std::string render_github(const diagnose::Diagnosis& diagnosis, const Context& context);
// The ten largest growths, as notices.
std::string render_github(const diagnose::Comparison& comparison, const Context& context);

// Markdown for the step's summary, cut at a line's end to what GitHub takes (1 MiB).
std::string github_summary(std::string markdown);

}  // namespace holdfast::reports
