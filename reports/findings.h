// What the formats for other tools share: which findings they tell, in which words, and where. Pure; any
// thread; allocates.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "diagnose/compare.h"
#include "diagnose/finding.h"
#include "reports/context.h"

namespace holdfast::reports {

// The frames of a site that are the program's own, from the one it is named after outwards.
std::vector<const diagnose::Frame*> own_frames(const diagnose::Site& site);

// A file of the repository and a line in it.
struct Place {
  std::string file;
  std::int64_t line = 0;
};

// Of the first own frame that lies below the source root; `file` is empty where none does.
Place place_of(const diagnose::Site& site, const Context& context);

// "LEAK make_handler(...): +48 MiB/h [33-66] = 1.0 KiB/request [0.7-1.4]", without a line's end.
std::string headline(const diagnose::Finding& finding, const std::string& work_unit);

// The rate: "+48 MiB/h [33-66] = 1.0 KiB/request [0.7-1.4]"; empty where there is none.
std::string rate_text(const diagnose::Finding& finding, const std::string& work_unit);

// The facts and the reason, one line each.
std::string evidence_text(const diagnose::Finding& finding);

// "bound exceeded: LruCache::insert <= 64 MiB, 70 MiB in use".
std::string headline(const diagnose::BoundCheck& check);

// "2 leaking sites", "no leak found", "inconclusive": what was found, in a few words.
std::string summary(const diagnose::Diagnosis& diagnosis);

// "+4.0 MiB [..] make_handler(...)".
std::string headline(const diagnose::Change& change, const diagnose::Comparison& comparison);

}  // namespace holdfast::reports
