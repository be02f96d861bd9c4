#include "profile/memory_table.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/units.h"

namespace holdfast::profile {
namespace {

std::int64_t named(const std::vector<MemoryPart>& parts, std::string_view name) {
  const auto at = std::ranges::find(parts, name, &MemoryPart::name);
  return at == parts.end() ? 0 : at->bytes;
}

constexpr std::array<std::pair<std::string_view, std::string_view>, 12> kTitles = {{
    {"in_use", "in use"},
    {"rounding", "size-class rounding"},
    {"unrecorded", "allocated unseen, or sampling error"},
    {"untouched", "allocated but never touched"},
    {"retained", "retained by the allocator"},
    {"metadata", "the allocator's tables"},
    {"holdfast", "Holdfast's own"},
    {"thread_stacks", "thread stacks"},
    {"files", "files and program data"},
    {"shared", "shared memory"},
    {"other_anonymous", "other anonymous memory"},
    {"unexplained", "unexplained"},
}};

}  // namespace

std::int64_t MemoryTable::part(std::string_view name) const { return named(parts, name); }
std::int64_t MemoryTable::fact(std::string_view name) const { return named(facts, name); }

std::string title_of_part(std::string_view name) {
  for (const auto& [known, title] : kTitles) {
    if (known == name) return std::string(title);
  }
  return std::string(name);
}

std::vector<std::string> memory_comments(const MemoryTable& table) {
  std::vector<std::string> lines = {"# rss " + base::format_bytes(static_cast<double>(table.rss)) + " ="};
  for (const MemoryPart& part : table.parts) {
    if (part.bytes == 0) continue;
    lines.push_back("# rss " + base::format_bytes(static_cast<double>(part.bytes)) + " " +
                    title_of_part(part.name));
  }
  if (const std::int64_t limit = table.fact("cgroup_limit"); limit > 0) {
    lines.push_back("# rss of a limit of " + base::format_bytes(static_cast<double>(limit)));
  }
  return lines;
}

}  // namespace holdfast::profile
