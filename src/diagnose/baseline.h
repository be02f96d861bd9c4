// What a program was known to keep, by function: with a baseline, only what is new or worse fails. Written by
// `holdfast baseline`, read by check and ci. Pure, any thread; allocates.
#pragma once

#include <holdfast/result.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "diagnose/finding.h"

namespace holdfast::diagnose {

// All places of one function together, as their fingerprint survives recompiling.
struct BaselineSite {
  std::string fingerprint;
  std::string name;  // for people
  Grade grade = Grade::retained;
  std::optional<Estimate> bytes_per_hour;
  std::optional<Estimate> bytes_per_work;
};

struct Baseline {
  std::string work_unit;
  std::vector<BaselineSite> sites;  // by fingerprint
};

// The sites that are known to keep something, from a verdict.
Baseline make_baseline(const Diagnosis& diagnosis);

std::string encode(const Baseline& baseline);

// Error when `text` of the file `name` is no baseline.
Result<Baseline> parse_baseline(std::string_view text, const std::string& name);

// Sets each alarming finding's state: new; worse, when its function's rate lies above the baseline's with
// both intervals; otherwise the same. Rates per unit of work are compared where both have them. Adds what the
// baseline knew as leaking and is no more.
void compare_with(const Baseline& baseline, Diagnosis& diagnosis);

}  // namespace holdfast::diagnose
