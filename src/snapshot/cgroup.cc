#include "snapshot/cgroup.h"

#include <charconv>
#include <optional>
#include <string_view>

#include "base/files.h"

namespace holdfast::snapshot {
namespace {

// A number alone in a file; nullopt for "max", and for version 1's way to say so: a number near 2^63.
std::optional<std::uint64_t> read_number(const std::string& path) {
  const Result<std::string> text = base::read_file(path, 4096);
  if (!text) return std::nullopt;
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
  if (error != std::errc() || number >= std::uint64_t{1} << 62) return std::nullopt;
  return number;
}

// "total_inactive_file N" of version 1, which counts the groups within too, or "inactive_file N" of
// version 2.
std::uint64_t read_inactive_file(const std::string& path) {
  const Result<std::string> text = base::read_file(path, 1 << 20);
  if (!text) return 0;
  for (const std::string_view name : {"total_inactive_file ", "inactive_file "}) {
    const std::size_t at = text->find(name);
    if (at == std::string::npos || (at != 0 && (*text)[at - 1] != '\n')) continue;
    std::uint64_t number = 0;
    std::from_chars(text->data() + at + name.size(), text->data() + text->size(), number);
    return number;
  }
  return 0;
}

// The path after the second colon in the line "4:memory:/group", or "0::/group" for version 2.
std::optional<std::string> group_path(std::string_view cgroups, bool is_version_2) {
  while (!cgroups.empty()) {
    const std::string_view line = cgroups.substr(0, cgroups.find('\n'));
    cgroups.remove_prefix(std::min(cgroups.size(), line.size() + 1));
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string_view::npos ? first : line.find(':', first + 1);
    if (second == std::string_view::npos) continue;
    const std::string controllers = "," + std::string(line.substr(first + 1, second - first - 1)) + ",";
    const bool matches =
        is_version_2 ? line.starts_with("0::") : controllers.find(",memory,") != std::string::npos;
    if (matches) return std::string(line.substr(second + 1));
  }
  return std::nullopt;
}

// The least limit from the process' group up. Inside a container the path may be one of the host's, which is
// not there: its parents, and at last the root, are.
CgroupMemory least_limit(const std::string& root, std::string path, const char* limit_file,
                         const char* usage_file) {
  CgroupMemory least;
  for (;;) {
    if (path == "/") path.clear();
    const std::string folder = root + path + "/";
    const std::optional<std::uint64_t> usage = read_number(folder + usage_file);
    if (usage && least.usage == 0) least.usage = *usage;
    const std::optional<std::uint64_t> limit = read_number(folder + limit_file);
    if (limit && *limit > 0 && (least.limit == 0 || *limit < least.limit)) {
      least = {*limit, usage.value_or(least.usage), read_inactive_file(folder + "memory.stat")};
    }
    if (path.empty()) return least;
    path.resize(path.find_last_of('/') == std::string::npos ? 0 : path.find_last_of('/'));
  }
}

}  // namespace

CgroupMemory read_cgroup_memory(const std::string& proc, const std::string& sys) {
  const Result<std::string> cgroups = base::read_file(proc + "/cgroup", 1 << 20);
  if (!cgroups) return {};
  if (const auto path = group_path(*cgroups, false)) {
    return least_limit(sys + "/memory", *path, "memory.limit_in_bytes", "memory.usage_in_bytes");
  }
  const auto path = group_path(*cgroups, true);
  return path ? least_limit(sys, *path, "memory.max", "memory.current") : CgroupMemory{};
}

}  // namespace holdfast::snapshot
