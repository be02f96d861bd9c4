#include "reports/watch.h"

#include "base/units.h"
#include "diagnose/explain.h"
#include "reports/numbers.h"

namespace holdfast::reports {
namespace {

constexpr std::size_t kWidth = 14;

double total(const diagnose::Comparison& growth) {
  double sum = 0;
  for (const diagnose::Change& change : growth.changes) sum += change.growth.value;
  return sum;
}

// Rates of two processes are no growth: after a restart only what is in use can be told.
bool is_one_course(const diagnose::Comparison& growth) { return growth.basis != diagnose::Basis::rates; }

std::string head(const diagnose::Comparison& growth, double in_use_bytes) {
  std::string text =
      diagnose::duration_text(growth.seconds * 1e9) + "  " + base::format_bytes(in_use_bytes) + " in use";
  if (!is_one_course(growth)) return text + ", restarted since the watch began";
  return text + ", " + base::format_growth(total(growth));
}

}  // namespace

std::string render_watch_table(const diagnose::Comparison& growth, double in_use_bytes, std::size_t limit) {
  std::string text = head(growth, in_use_bytes) + "\n";
  if (!is_one_course(growth)) return printable(text);
  text += cell("growth", kWidth) + cell("per hour", kWidth + 2) + cell("in use", kWidth) + "  site\n";
  std::size_t shown = 0;
  for (const diagnose::Change& change : growth.changes) {
    if (!(change.growth.value > 0) || shown++ == limit) break;
    const double hours = growth.seconds / 3600;
    text += cell(base::format_growth(change.growth.value), kWidth) +
            cell(hours > 0 ? base::format_growth(change.growth.value / hours) + "/h" : "-", kWidth + 2) +
            cell(base::format_bytes(change.current_bytes), kWidth) + "  " + change.site.name() + "\n";
  }
  return printable(text);
}

std::string render_watch_line(const diagnose::Comparison& growth, double in_use_bytes) {
  std::string text = head(growth, in_use_bytes);
  if (is_one_course(growth) && !growth.changes.empty() && growth.changes.front().growth.value > 0) {
    const diagnose::Change& most = growth.changes.front();
    text += ", most of it " + base::format_growth(most.growth.value) + " at " + most.site.name();
  }
  return printable(text);
}

}  // namespace holdfast::reports
