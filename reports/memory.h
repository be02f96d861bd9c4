// The table of resident memory as people and programs read it. Pure: values in, text out; any thread;
// allocates.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "diagnose/finding.h"

namespace holdfast::reports {

// "memory: 523.1 MiB resident" and its parts, largest first, small ones together; nothing where the profile
// has no table.
std::string render_memory(const diagnose::Diagnosis& diagnosis);

// Adds rss, parts and facts to `json`, where there is a table.
void add_memory(const diagnose::Diagnosis& diagnosis, nlohmann::ordered_json& json);

}  // namespace holdfast::reports
