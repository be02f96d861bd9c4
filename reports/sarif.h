// Findings for code scanning: SARIF 2.1.0
// (https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html). Pure; any thread; allocates.
#pragma once

#include <string>

#include "diagnose/compare.h"
#include "diagnose/finding.h"
#include "reports/context.h"

namespace holdfast::reports {

// Every leak, suspect, growing container and exceeded bound is a result; what has been accepted is one with a
// suppression. Rule ids never change; a result is the same in the next run by the site's fingerprint. Without
// findings the list of results is empty, which closes earlier alerts.
std::string render_sarif(const diagnose::Diagnosis& diagnosis, const Context& context);
// Growth, as results of level note.
std::string render_sarif(const diagnose::Comparison& comparison, const Context& context);

}  // namespace holdfast::reports
