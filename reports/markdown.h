// Findings for a pull request or a step's summary: GitHub's Markdown. Pure; any thread; allocates.
#pragma once

#include <string>

#include "diagnose/compare.h"
#include "diagnose/finding.h"
#include "reports/context.h"

namespace holdfast::reports {

// A verdict line, a table of what alarms, and each finding's evidence behind a fold.
std::string render_markdown(const diagnose::Diagnosis& diagnosis, const Context& context);
// A table of at most `limit` changes.
std::string render_markdown(const diagnose::Comparison& comparison, const Context& context,
                            std::size_t limit);

}  // namespace holdfast::reports
