// What `holdfast watch` shows while it runs. Pure: values in, text out; any thread; allocates.
#pragma once

#include <string>

#include "diagnose/compare.h"

namespace holdfast::reports {

// A head line and the `limit` sites that grew most since the watch began.
std::string render_watch_table(const diagnose::Comparison& growth, double in_use_bytes, std::size_t limit);

// The same in one line, with the site that grew most.
std::string render_watch_line(const diagnose::Comparison& growth, double in_use_bytes);

}  // namespace holdfast::reports
