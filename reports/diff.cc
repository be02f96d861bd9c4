// What `holdfast diff` prints: the table of changes.
#include "base/units.h"
#include "diagnose/explain.h"
#include "reports/numbers.h"
#include "reports/text.h"

namespace holdfast::reports {
namespace {

using diagnose::Basis;
using diagnose::Change;
using diagnose::Comparison;

constexpr std::size_t kGrowthWidth = 32, kWidth = 14;

std::string bytes(std::optional<double> amount) {
  return amount ? base::format_bytes(*amount) : std::string("-");
}

std::string per(const Comparison& c) {
  return c.basis == Basis::rates ? "/" + one_of(c.rate_unit) : std::string();
}

bool shows_work(const Comparison& c) { return c.work > 0 && c.work_unit != "bytes allocated"; }

std::string columns(const Comparison& c) {
  std::string text = cell("growth [95 % interval]", kGrowthWidth);
  switch (c.basis) {
    case Basis::births_and_deaths:
      text += cell("born", kWidth) + cell("died", kWidth) + cell("in use", kWidth);
      if (shows_work(c)) text += cell("per " + one_of(c.work_unit), kWidth);
      break;
    case Basis::rates:
      text += cell("kept before", kWidth) + cell("kept now", kWidth);
      break;
    case Basis::levels:
      text += cell("before", kWidth) + cell("now", kWidth);
      break;
  }
  return text + "  site\n";
}

void add_change(const Change& change, const Comparison& c, std::string& text) {
  text += cell(growth_with_interval(change.growth, per(c)), kGrowthWidth);
  switch (c.basis) {
    case Basis::births_and_deaths:
      text += cell(bytes(change.born_bytes), kWidth) + cell(bytes(change.died_bytes), kWidth) +
              cell(bytes(change.current_bytes), kWidth);
      if (shows_work(c)) text += cell(base::format_growth(change.growth_per_work.value_or(0)), kWidth);
      break;
    case Basis::rates:
      text += cell(bytes(change.base_rate), kWidth) + cell(bytes(change.current_rate), kWidth);
      break;
    case Basis::levels:
      text += cell(bytes(change.base_bytes), kWidth) + cell(bytes(change.current_bytes), kWidth);
      break;
  }
  text += "  " + change.site.name() + "\n";
}

std::string head(const Comparison& c) {
  if (c.basis == Basis::rates) return "kept after the warm-up, per " + one_of(c.rate_unit) + "\n";
  double total = 0;
  for (const Change& change : c.changes) total += change.growth.value;
  std::string text =
      "in use: " + base::format_growth(total) + " in " + diagnose::duration_text(c.seconds * 1e9);
  if (shows_work(c)) text += ", " + diagnose::count_text(c.work) + " " + c.work_unit;
  return text + "\n";
}

}  // namespace

std::string render_text(const Comparison& c, std::size_t limit) {
  std::string text;
  for (const std::string& warning : c.warnings) text += "note: " + warning + "\n";
  text += head(c);
  if (c.changes.empty()) return printable(text + "nothing changed\n");
  text += columns(c);
  std::size_t grown = 0, shrunk = 0;
  for (const Change& change : c.changes) {
    if (change.growth.value > 0 && grown++ < limit) add_change(change, c, text);
  }
  for (auto change = c.changes.rbegin(); change != c.changes.rend(); ++change) {
    if (change->growth.value < 0 && shrunk++ < limit) add_change(*change, c, text);
  }
  const std::size_t hidden = (grown > limit ? grown - limit : 0) + (shrunk > limit ? shrunk - limit : 0);
  if (hidden > 0) text += "... and " + std::to_string(hidden) + " more (-n)\n";
  return printable(text);
}

}  // namespace holdfast::reports
