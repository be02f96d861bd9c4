// Where the process' resident memory is, at the moment of a snapshot: parts that add up to RSS. Plain values;
// travels in the profile's history. Names are fixed words, so that programs can read them:
// docs/reading_a_verdict.md explains each.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::profile {

struct MemoryPart {
  std::string name;        // "in_use", "retained", ...
  std::int64_t bytes = 0;  // of a part: negative where it corrects another one
  bool operator==(const MemoryPart&) const = default;
};

struct MemoryTable {
  std::uint64_t rss = 0;
  std::vector<MemoryPart> parts;  // add up to rss; "unexplained" is the last
  std::vector<MemoryPart> facts;  // not parts of RSS: "cgroup_limit", "allocator_free"; absent where unknown
  bool operator==(const MemoryTable&) const = default;

  // 0 where there is none of that name.
  std::int64_t part(std::string_view name) const;
  std::int64_t fact(std::string_view name) const;
};

// The part's name as people read it: "size-class rounding". Unknown names stay as they are.
std::string title_of_part(std::string_view name);

// One line each, for the profile's comments: "# rss 523.1 MiB", "# rss 300.0 MiB in use". They begin with
// '#', which keeps them out of pprof's reports.
std::vector<std::string> memory_comments(const MemoryTable& table);

}  // namespace holdfast::profile
