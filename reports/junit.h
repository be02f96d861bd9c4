// A verdict as a test result, for what reads JUnit's XML. Pure; any thread; allocates.
#pragma once

#include <string>

#include "diagnose/compare.h"
#include "diagnose/finding.h"
#include "reports/context.h"

namespace holdfast::reports {

// One case, named after what was judged: failed with all leaks and exceeded bounds, in error (or skipped,
// where that is but a warning) when inconclusive, else passed. The numbers are its properties.
std::string render_junit(const diagnose::Diagnosis& diagnosis, const Context& context);
// A comparison passes always; what changed is its output.
std::string render_junit(const diagnose::Comparison& comparison, const Context& context);

}  // namespace holdfast::reports
