// The table of sites that `holdfast top` prints.
#include <algorithm>
#include <set>
#include <unordered_map>

#include "base/units.h"
#include "diagnose/explain.h"
#include "reports/numbers.h"
#include "reports/text.h"

namespace holdfast::reports {
namespace {

using diagnose::count_text;

struct Row {
  std::string name;
  double alloc_objects = 0, alloc_bytes = 0, inuse_objects = 0, inuse_bytes = 0;
  std::vector<const diagnose::Site*> sites;

  void add(const diagnose::Site& site) {
    alloc_objects += site.alloc_objects;
    alloc_bytes += site.alloc_bytes;
    inuse_objects += site.inuse_objects;
    inuse_bytes += site.inuse_bytes;
    sites.push_back(&site);
  }
  double survival() const { return alloc_bytes > 0 ? inuse_bytes / alloc_bytes : 0; }
};

double value(const Row& row, Column by) {
  switch (by) {
    case Column::inuse_space:
      return row.inuse_bytes;
    case Column::inuse_objects:
      return row.inuse_objects;
    case Column::alloc_space:
      return row.alloc_bytes;
    case Column::alloc_objects:
      return row.alloc_objects;
    case Column::unfreed:
      return row.survival();
  }
  return 0;
}

std::vector<Row> rows_by_function(const std::vector<diagnose::Site>& sites) {
  std::vector<Row> rows;
  std::unordered_map<std::string, std::size_t> places;
  for (const diagnose::Site& site : sites) {
    std::set<std::string> counted;  // recursion counts once
    for (const diagnose::Frame& frame : site.frames) {
      if (!counted.insert(frame.function).second) continue;
      const auto [place, is_new] = places.try_emplace(frame.function, rows.size());
      if (is_new) {
        rows.emplace_back();
        rows.back().name = frame.function;
      }
      rows[place->second].add(site);
    }
  }
  return rows;
}

// Median by bytes; "-" where no ages are known.
std::string median_age(const Row& row, double uptime_seconds) {
  std::vector<profile::Cohort> live;
  for (const diagnose::Site* site : row.sites) live.insert(live.end(), site->live.begin(), site->live.end());
  if (live.empty() || uptime_seconds <= 0) return "-";
  std::ranges::sort(live, {}, &profile::Cohort::birth_ns);
  double total = 0, seen = 0;
  for (const profile::Cohort& c : live) total += c.bytes;
  for (const profile::Cohort& c : live) {
    seen += c.bytes;
    if (2 * seen < total) continue;
    return diagnose::duration_text(std::max(0.0, uptime_seconds * 1e9 - static_cast<double>(c.birth_ns)));
  }
  return "-";
}

}  // namespace

std::string render_top(const std::vector<diagnose::Site>& sites, Column by, std::size_t limit,
                       bool cumulative, double uptime_seconds) {
  std::vector<Row> rows;
  if (cumulative) {
    rows = rows_by_function(sites);
  } else {
    for (const diagnose::Site& site : sites) {
      rows.emplace_back();
      rows.back().name = site.name();
      rows.back().add(site);
    }
  }
  std::ranges::stable_sort(rows, std::greater{}, [by](const Row& row) { return value(row, by); });
  double in_use = 0, allocated = 0;
  for (const diagnose::Site& site : sites) {
    in_use += site.inuse_bytes;
    allocated += site.alloc_bytes;
  }
  std::string text = base::format_bytes(in_use) + " in use of " + base::format_bytes(allocated) +
                     " allocated, " + count_text(static_cast<double>(sites.size())) + " sites\n" +
                     cell("in use", 12) + cell("blocks", 12) + cell("allocated", 12) + cell("blocks", 14) +
                     cell("unfreed", 9) + cell("age", 9) +
                     (cumulative ? "  function and all below it\n" : "  site\n");
  for (std::size_t i = 0; i < rows.size() && i < limit; ++i) {
    const Row& row = rows[i];
    text += cell(base::format_bytes(row.inuse_bytes), 12) + cell(count_text(row.inuse_objects), 12) +
            cell(base::format_bytes(row.alloc_bytes), 12) + cell(count_text(row.alloc_objects), 14) +
            cell(count_text(100 * row.survival()) + " %", 9) + cell(median_age(row, uptime_seconds), 9) +
            "  " + row.name + "\n";
  }
  if (rows.size() > limit)
    text += "... and " + count_text(static_cast<double>(rows.size() - limit)) + " more (-n)\n";
  return printable(std::move(text));
}

}  // namespace holdfast::reports
