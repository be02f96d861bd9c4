#include "reports/memory.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <vector>

#include "base/units.h"
#include "reports/numbers.h"

namespace holdfast::reports {
namespace {

using profile::MemoryPart;
using profile::MemoryTable;

constexpr std::size_t kWidth = 12;
constexpr double kWorthALine = 0.005;  // of RSS

double bytes(std::int64_t amount) { return static_cast<double>(amount); }

std::string line(double amount, const std::string& what) {
  return "  " + cell(base::format_bytes(amount), kWidth) + "  " + what + "\n";
}

// What is beside in use is told in full where it says something; the rest is one line.
std::vector<MemoryPart> worth_a_line(const MemoryTable& table, double& rest) {
  std::vector<MemoryPart> shown;
  rest = 0;
  for (const MemoryPart& part : table.parts) {
    const bool is_large = std::abs(bytes(part.bytes)) >= kWorthALine * static_cast<double>(table.rss);
    if (is_large || part.name == "in_use" || part.name == "unexplained") {
      shown.push_back(part);
    } else {
      rest += bytes(part.bytes);
    }
  }
  std::ranges::stable_sort(shown, [](const MemoryPart& a, const MemoryPart& b) {
    const auto rank = [](const MemoryPart& p) {
      return p.name == "in_use" ? 0 : p.name == "unexplained" ? 2 : 1;
    };
    return rank(a) != rank(b) ? rank(a) < rank(b) : a.bytes > b.bytes;
  });
  return shown;
}

}  // namespace

std::string render_memory(const diagnose::Diagnosis& d) {
  if (!d.memory) return {};
  const MemoryTable& table = *d.memory;
  std::string text = "memory: " + base::format_bytes(static_cast<double>(table.rss)) + " resident";
  if (const std::int64_t limit = table.fact("cgroup_limit"); limit > 0) {
    text += ", of a limit of " + base::format_bytes(bytes(limit));
  }
  text += " =\n";
  double rest = 0;
  for (const MemoryPart& part : worth_a_line(table, rest)) {
    std::string what = profile::title_of_part(part.name);
    if (part.name == "in_use" && d.in_use.interval.lower < d.in_use.interval.upper) {
      what += " [" + base::format_bytes(d.in_use.interval.lower) + " to " +
              base::format_bytes(d.in_use.interval.upper) + "]";
    }
    if (part.name == "unexplained" && table.rss > 0) {
      const double share = 100 * bytes(part.bytes) / static_cast<double>(table.rss);
      what += std::abs(share) < 0.5 ? "" : " (" + std::to_string(std::lround(share)) + " %)";
    }
    if (part.name != "unexplained" || part.bytes != 0) text += line(bytes(part.bytes), what);
  }
  if (std::abs(rest) >= 1) text += line(rest, "others, each less than 0.5 %");
  return printable(text + "\n");
}

void add_memory(const diagnose::Diagnosis& d, nlohmann::ordered_json& json) {
  if (!d.memory) return;
  json["rss_bytes"] = d.memory->rss;
  nlohmann::ordered_json parts = nlohmann::ordered_json::object(), facts = parts;
  for (const MemoryPart& part : d.memory->parts) parts[part.name] = part.bytes;
  for (const MemoryPart& fact : d.memory->facts) facts[fact.name] = fact.bytes;
  json["rss_parts"] = std::move(parts);
  json["rss_facts"] = std::move(facts);
}

}  // namespace holdfast::reports
