// Findings as people read them in a terminal. Pure: values in, text out; any thread; allocates.
#pragma once

#include <string>
#include <vector>

#include "diagnose/compare.h"
#include "diagnose/finding.h"

namespace holdfast::reports {

struct TextOptions {
  bool show_all = false;   // also the sites that turn over and those with too little data
  std::size_t frames = 6;  // of each finding's stack
};

// The verdict: a head line, findings worst first, and a last line that says what was found.
std::string render_text(const diagnose::Diagnosis& diagnosis, const TextOptions& options = {});

// What changed, largest growth first; at most `limit` sites of each sign.
std::string render_text(const diagnose::Comparison& comparison, std::size_t limit);

// One column to order and size a table of sites by.
enum class Column { inuse_space, inuse_objects, alloc_space, alloc_objects, unfreed };

// A table of sites: in use, allocated, the share still in use, the median age of what is in use. `cumulative`
// counts for each function all that was allocated below it. `uptime_seconds` 0: ages unknown.
std::string render_top(const std::vector<diagnose::Site>& sites, Column by, std::size_t limit,
                       bool cumulative, double uptime_seconds);

}  // namespace holdfast::reports
