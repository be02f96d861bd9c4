// What a person decides about verdicts. Plain values with their defaults and the reasons for them.
// Made by the tool from flags; pure, any thread.
#pragma once

#include <holdfast/result.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "diagnose/site.h"

namespace holdfast::diagnose {

// A size the sites it names may reach together: a cache that is still filling looks like a leak until it is
// full, and no data can tell the two apart.
struct Bound {
  std::string pattern;  // see matches()
  double bytes = 0;
};

struct Policy {
  // What one site may keep and still be called clean: 0.25 MB/h is 6 MB a day, 180 MB a month.
  double budget_bytes_per_hour = 0.25e6;
  // Allocations before it are a start, not a trend; by default a tenth of the uptime, at most 15 minutes.
  std::optional<double> warm_up_seconds = {};
  // The memory this process may use, for "at this rate the limit is reached in".
  std::optional<double> limit_bytes = {};
  std::vector<Bound> bounds = {};
};

// Whether `text` contains `pattern`, as LeakSanitizer's suppressions read it: `*` stands for anything, a
// leading
// `^` and a trailing `$` hold it to the text's ends.
bool matches(std::string_view pattern, std::string_view text);

// Whether the function, file or module of any application frame matches.
bool matches(std::string_view pattern, const Site& site);

// "LruCache::insert <= 64MiB". Error when it is not of that form.
Result<Bound> parse_bound(std::string_view text);

}  // namespace holdfast::diagnose
