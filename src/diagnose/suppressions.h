// Findings that a person has looked at and accepted: LeakSanitizer's suppression files as they are, and JSON
// entries that also know who, why and until when. Called by the tool after a verdict; pure, any thread;
// allocates.
#pragma once

#include <holdfast/result.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "diagnose/finding.h"

namespace holdfast::diagnose {

struct Suppression {
  std::string pattern = {};      // of any frame's function, file or module, as matches() reads it; or empty
  std::string fingerprint = {};  // of the site; or empty. One of the two is given
  std::string reason = {};       // may be empty in LeakSanitizer's form only
  std::string issue = {};        // where it is followed up; may be empty
  std::string expires = {};      // "2026-12-31", its last day; empty: never
  std::optional<double> cap_bytes = {};  // covers its sites only while they hold no more than this together
  std::string where = {};                // "leaks.supp:3", for messages
};

// The suppressions of a file called `name`. JSON when it starts with a brace (docs/cli.md has the schema),
// otherwise lines `leak:pattern` with `#` comments; lines for other sanitizers are left out. Error with the
// line or entry that is wrong.
Result<std::vector<Suppression>> parse_suppressions(std::string_view text, const std::string& name);

// Marks the findings that `suppressions` cover, and tells in the notes which suppressions have expired
// (`today` as "2026-12-31"), are beyond their cap, or cover nothing.
void suppress(Diagnosis& diagnosis, const std::vector<Suppression>& suppressions, const std::string& today);

}  // namespace holdfast::diagnose
