#include "rooms/arrows.h"

#include <algorithm>
#include <fstream>
#include <map>
#include <optional>
#include <set>
#include <tuple>

namespace holdfast::testing {
namespace {

namespace fs = std::filesystem;

// Room -> rooms it may include besides itself and the public door.
const std::map<std::string, std::set<std::string>> kAllowed = {
    {"door", {}},
    {"base", {}},
    {"record", {"base"}},
    {"hook", {"record", "base"}},
    {"profile", {"base"}},
    {"snapshot", {"record", "profile", "base"}},
    {"holders", {"record", "snapshot", "base"}},
    {"serve", {"profile", "base"}},
    {"fetch", {"base"}},
    {"lines", {"profile", "base"}},
    {"diagnose", {"profile", "base"}},
    {"chains", {"diagnose", "base"}},
    {"reports", {"diagnose", "base"}},
    {"tools", {"fetch", "lines", "profile", "diagnose", "chains", "reports", "base"}},
};

// The files directly under src/ are the composition: the session and what it is made of.
bool is_composing(const fs::path& file) {
  return file.parent_path() == "src" || file == "tools/holdfast/main.cc";
}

bool is_source(const fs::path& path) {
  return path.extension() == ".h" || path.extension() == ".cc" || path.extension() == ".c";
}

std::vector<fs::path> sources(const fs::path& root) {
  std::vector<fs::path> found;
  for (const char* folder : {"include", "src", "reports", "tools/holdfast"}) {
    if (!fs::exists(root / folder)) continue;
    for (const auto& entry : fs::recursive_directory_iterator(root / folder)) {
      if (entry.is_regular_file() && is_source(entry.path()))
        found.push_back(fs::relative(entry.path(), root));
    }
  }
  std::sort(found.begin(), found.end());
  return found;
}

// The path between the quotes or angle brackets of an #include line.
std::optional<std::string> included(const std::string& line) {
  std::size_t at = line.find_first_not_of(" \t");
  if (at == std::string::npos || line[at] != '#') return std::nullopt;
  at = line.find_first_not_of(" \t", at + 1);
  if (at == std::string::npos || line.compare(at, 7, "include") != 0) return std::nullopt;
  const std::size_t open = line.find_first_of("\"<", at);
  if (open == std::string::npos) return std::nullopt;
  const std::size_t close = line.find(line[open] == '"' ? '"' : '>', open + 1);
  if (close == std::string::npos) return std::nullopt;
  return line.substr(open + 1, close - open - 1);
}

// Room an include leads to; empty when it leads out of the house (std, libraries). A quoted or bracketed path
// counts as ours when its first folder is a room, or when the file lies under src/.
std::string target_room(const fs::path& root, const fs::path& file, const std::string& path) {
  const fs::path target(path);
  const fs::path beside = (file.parent_path() / target).lexically_normal();
  if (fs::exists(root / beside)) return room_of(beside);
  const std::string first = target.begin()->string();
  if (first == "holdfast") return "door";
  if (first == "src" || first == "reports" || first == "tools") return room_of(target);
  if (fs::exists(root / "src" / target)) return room_of("src" / target);
  return "";
}

bool allowed(const std::string& from, const std::string& to) {
  if (to.empty() || to == "door" || to == from || from == "composition") return true;
  const auto arrows = kAllowed.find(from);
  return arrows != kAllowed.end() && arrows->second.contains(to);
}

}  // namespace

std::string tell(const BrokenArrow& arrow) {
  return arrow.file + ":" + std::to_string(arrow.line) + ": " + arrow.from + " -> " + arrow.to +
         " is not among the allowed arrows";
}

std::string room_of(const fs::path& file) {
  if (is_composing(file)) return "composition";
  auto part = file.begin();
  if (part == file.end()) return "";
  const std::string first = part->string();
  if (first == "include") return "door";
  if (first == "reports" || first == "tools") return first;
  if (first != "src" || ++part == file.end()) return "";
  return part->string();
}

std::vector<BrokenArrow> broken_arrows(const fs::path& root) {
  std::vector<BrokenArrow> broken;
  for (const fs::path& file : sources(root)) {
    const std::string from = room_of(file);
    std::ifstream in(root / file);
    std::string line;
    for (int number = 1; std::getline(in, line); ++number) {
      const auto path = included(line);
      if (!path || path->empty()) continue;
      const std::string to = target_room(root, file, *path);
      if (!allowed(from, to)) broken.push_back({file.generic_string(), number, from, to});
    }
  }
  return broken;
}

std::size_t count_sources(const fs::path& root) { return sources(root).size(); }

}  // namespace holdfast::testing
