// Findings for programs. Pure: values in, JSON text out; any thread; allocates. Schema in docs/cli.md.
#pragma once

#include <string>
#include <vector>

#include "diagnose/compare.h"
#include "diagnose/finding.h"

namespace holdfast::reports {

// `snapshots` are the sources read, in order.  `series` points are [uptime in seconds, bytes in use].
std::string render_json(const diagnose::Diagnosis& diagnosis, const std::vector<std::string>& snapshots);
std::string render_json(const diagnose::Comparison& comparison, const std::vector<std::string>& snapshots);

}  // namespace holdfast::reports
