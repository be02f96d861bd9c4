#include "reports/markdown.h"

#include "base/units.h"
#include "diagnose/explain.h"
#include "reports/encoding.h"
#include "reports/findings.h"
#include "reports/numbers.h"

namespace holdfast::reports {
namespace {

using diagnose::count_text;
using diagnose::Diagnosis;
using diagnose::Finding;

// Shown at all: what alarms, and what would if nobody had accepted it.
bool is_told(const Finding& f) { return f.grade <= diagnose::Grade::growing_container; }

std::string state(const Finding& f) {
  if (!f.suppressed_by.empty()) return "suppressed";
  return diagnose::name(f.baseline);
}

void add_table(const Diagnosis& d, std::string& text) {
  text += "| verdict | site | rate | in use | |\n|---|---|---:|---:|---|\n";
  for (const Finding& f : d.findings) {
    if (!is_told(f)) continue;
    text += std::string("| ") + diagnose::title(f.grade) + " | " + markdown(f.site.name()) + " | " +
            markdown(rate_text(f, d.work_unit)) + " | " + markdown(bytes_with_interval(f.in_use)) + " | " +
            state(f) + " |\n";
  }
  text += "\n";
}

// Fenced by more backticks than any name has in a row, so that none can end it.
void add_stack(const Finding& f, std::string& text) {
  std::string lines;
  for (const diagnose::Frame* frame : own_frames(f.site)) {
    std::string line = frame->function;
    if (!frame->file.empty() && frame->line > 0)
      line += "  " + frame->file + ":" + std::to_string(frame->line);
    for (char& c : line) c = c == '\n' ? ' ' : c;
    lines += clean_utf8(line) + "\n";
  }
  std::string fence = "```";
  while (lines.find(fence) != std::string::npos) fence += '`';
  text += fence + "text\n" + lines + fence + "\n\n";
}

void add_details(const Finding& f, const Diagnosis& d, std::string& text) {
  text += "<details><summary>" + xml(headline(f, d.work_unit)) + "</summary>\n\n";
  for (const std::string& fact : f.facts) text += "- " + markdown(fact) + "\n";
  if (!f.explanation.empty()) text += "- " + markdown(f.explanation) + "\n";
  if (!f.suppressed_by.empty()) text += "- suppressed by " + markdown(f.suppressed_by) + "\n";
  text += "- fingerprint `" + f.site.fingerprint + "`\n\n";
  add_stack(f, text);
  text += "</details>\n\n";
}

}  // namespace

std::string render_markdown(const Diagnosis& d, const Context& context) {
  std::string text = "## Holdfast: " + markdown(summary(d)) + "\n\n";
  if (!context.name.empty()) text += markdown(context.name) + ": ";
  text += markdown(bytes_with_interval(d.in_use)) + " in use";
  if (d.uptime_seconds > 0) text += ", recorded for " + diagnose::duration_text(d.uptime_seconds * 1e9);
  if (d.rounds) text += ", " + std::to_string(d.rounds->measured + d.rounds->confirming) + " rounds";
  text += d.interval_bytes == 1 ? ", every allocation counted"
                                : ", leaks below " + base::format_bytes(d.floor_bytes) + " cannot be seen";
  text += "\n\n";
  bool any = false;
  for (const Finding& f : d.findings) any = any || is_told(f);
  if (any) add_table(d, text);
  for (const Finding& f : d.findings) {
    if (is_told(f)) add_details(f, d, text);
  }
  for (const diagnose::BoundCheck& check : d.bounds) {
    if (check.is_exceeded) text += "- " + markdown(headline(check)) + "\n";
  }
  for (const diagnose::BaselineChange& change : d.gone) {
    text += std::string("- ") + (change.is_fixed ? "fixed" : "absent") +
            " since the baseline: " + markdown(change.site) + "\n";
  }
  for (const std::string& note : d.notes) text += "- note: " + markdown(note) + "\n";
  return text;
}

std::string render_markdown(const diagnose::Comparison& c, const Context&, std::size_t limit) {
  std::string text = "## Holdfast: what changed\n\n";
  for (const std::string& warning : c.warnings) text += "- note: " + markdown(warning) + "\n";
  if (!c.warnings.empty()) text += "\n";
  if (c.changes.empty()) return text + "Nothing changed.\n";
  text += "| growth | before | now | site |\n|---:|---:|---:|---|\n";
  std::size_t shown = 0;
  const std::string per = c.basis == diagnose::Basis::rates ? "/" + one_of(c.rate_unit) : std::string();
  for (const diagnose::Change& change : c.changes) {
    if (shown++ == limit) break;
    text += "| " + markdown(growth_with_interval(change.growth, per)) + " | " +
            base::format_bytes(change.base_rate.value_or(change.base_bytes)) + " | " +
            base::format_bytes(change.current_rate.value_or(change.current_bytes)) + " | " +
            markdown(change.site.name()) + " |\n";
  }
  if (c.changes.size() > limit)
    text += "\n" + count_text(static_cast<double>(c.changes.size() - limit)) + " more\n";
  return text;
}

}  // namespace holdfast::reports
