#include "reports/text.h"

#include <chrono>
#include <cmath>
#include <cstdio>

#include "base/units.h"

namespace holdfast::reports {
namespace {

using diagnose::Estimate;
using diagnose::Finding;
using diagnose::Grade;

std::string duration(double seconds) {
  return base::format_duration(std::chrono::nanoseconds(static_cast<std::int64_t>(std::min(seconds * 1e9, 9e18))));
}

std::string count(double n) { return base::format_count(static_cast<std::int64_t>(std::llround(n))); }

// "[33.0 MiB - 66.0 MiB]"; nothing where the interval is the number itself.
std::string interval(const Estimate& e) {
  if (e.interval.upper - e.interval.lower < 0.005 * std::abs(e.value)) return {};
  return " [" + base::format_bytes(e.interval.lower) + " - " + base::format_bytes(e.interval.upper) + "]";
}

std::string rate(const Finding& f, const std::string& work_unit) {
  std::string text;
  if (f.bytes_per_hour) text += "+" + base::format_bytes(f.bytes_per_hour->value) + "/h" + interval(*f.bytes_per_hour);
  if (f.bytes_per_work) {
    const std::string unit = work_unit == "requests" ? "request" : work_unit;
    text += " = " + base::format_bytes(f.bytes_per_work->value) + "/" + unit + interval(*f.bytes_per_work);
  }
  return text;
}

bool is_shown(const Finding& f, const TextOptions& options) {
  if (options.show_all) return true;
  // A retained table of a few bytes explains nothing.
  if (f.grade == Grade::retained) return f.in_use.value >= 1 << 20;
  return f.grade <= Grade::growing_container;
}

bool has_rate(Grade grade) { return grade == Grade::leak || grade == Grade::suspect; }

void add_stack(const Finding& f, std::size_t frames, std::string& text) {
  std::size_t shown = 0;
  for (std::size_t i = f.site.named_frame; i < f.site.frames.size() && shown < frames; ++i) {
    const diagnose::Frame& frame = f.site.frames[i];
    if (frame.is_plumbing) continue;
    text += shown++ == 0 ? "  allocated in " : "            by ";
    text += frame.function;
    if (!frame.file.empty() && frame.line > 0) text += "  " + frame.file + ":" + std::to_string(frame.line);
    text += "\n";
  }
}

void add_finding(const Finding& f, const diagnose::Diagnosis& d, const TextOptions& options, std::string& text) {
  text += std::string(diagnose::title(f.grade)) + "  " + f.site.name();
  if (has_rate(f.grade)) text += "   " + rate(f, d.work_unit) + "   " + count(static_cast<double>(f.samples)) + " samples";
  text += "\n  in use: " + base::format_bytes(f.in_use.value) + interval(f.in_use) + " in " + count(f.site.inuse_objects) +
          " blocks";
  if (f.growth) text += ", " + base::format_growth(f.growth->value) + " since the first snapshot";
  text += "\n";
  for (const std::string& fact : f.facts) text += "  " + fact + "\n";
  if (!f.reason.empty()) text += "  " + f.reason + "\n";
  if (!f.site.labels.empty()) {
    text += "  labels:";
    for (std::size_t i = 0; i < f.site.labels.size() && i < 4; ++i) {
      const auto& [label, share] = f.site.labels[i];
      text += std::string(i == 0 ? " " : ", ") + label + " " + count(100 * share) + " %";
    }
    text += "\n";
  }
  if (f.grade <= Grade::growing_container) add_stack(f, options.frames, text);
  text += "\n";
}

std::string head(const diagnose::Diagnosis& d) {
  std::string text = "heap: " + base::format_bytes(d.in_use_bytes) + " in use";
  if (d.uptime_seconds > 0) text += ", recorded for " + duration(d.uptime_seconds);
  if (d.work > 0 && d.work_unit != "bytes allocated") text += ", " + count(d.work) + " " + d.work_unit;
  if (d.interval_bytes == 1) text += "; every allocation counted";
  if (d.interval_bytes > 1) {
    text += "; one sample per " + base::format_bytes(d.interval_bytes) + ", so leaks of less than " +
            base::format_bytes(d.floor_bytes) + " cannot be seen";
  }
  return text + "\n";
}

std::string plural(std::size_t n, const char* what) { return std::to_string(n) + " " + what + (n == 1 ? "" : "s"); }

std::string last_line(const diagnose::Diagnosis& d) {
  std::size_t leaks = 0, suspects = 0, hidden = 0;
  for (const Finding& f : d.findings) {
    leaks += f.grade == Grade::leak;
    suspects += f.grade == Grade::suspect || f.grade == Grade::growing_container;
    hidden += f.grade > Grade::growing_container;
  }
  std::string text = leaks > 0         ? plural(leaks, "leaking site")
                     : d.inconclusive ? std::string("inconclusive")
                                      : std::string("no leak found");
  if (suspects > 0) text += ", " + plural(suspects, "suspect");
  if (hidden > 0) text += "; " + plural(hidden, "other site") + " judged (--all shows each)";
  return text + "\n";
}

// "  12.3 MiB" padded on the left.
std::string cell(const std::string& text, std::size_t width) {
  return text.size() >= width ? text : std::string(width - text.size(), ' ') + text;
}

std::string signed_bytes(std::optional<double> bytes) { return bytes ? base::format_bytes(*bytes) : std::string("-"); }

void add_change(const diagnose::Change& c, const diagnose::Comparison& comparison, std::string& text) {
  text += cell(base::format_growth(c.growth.value), 12) + cell(interval(c.growth), 26);
  text += cell(signed_bytes(c.born_bytes), 12) + cell(signed_bytes(c.died_bytes), 12);
  text += cell(base::format_bytes(c.current_bytes), 12);
  if (comparison.work > 0 && comparison.work_unit == "requests") {
    text += cell(base::format_growth(c.growth_per_work.value_or(0)) + "/req", 16);
  }
  text += "  " + c.site.name() + "\n";
}

}  // namespace

std::string render_text(const diagnose::Diagnosis& d, const TextOptions& options) {
  std::string text = head(d) + "\n";
  for (const Finding& f : d.findings) {
    if (is_shown(f, options)) add_finding(f, d, options, text);
  }
  for (const profile::Counter& c : d.counters) text += "note: " + c.name + ": " + count(static_cast<double>(c.value)) + "\n";
  for (const std::string& note : d.notes) text += "note: " + note + "\n";
  return text + last_line(d);
}

std::string render_text(const diagnose::Comparison& comparison, std::size_t limit) {
  std::string text;
  for (const std::string& warning : comparison.warnings) text += "note: " + warning + "\n";
  double total = 0;
  for (const diagnose::Change& c : comparison.changes) total += c.growth.value;
  text += "in use: " + base::format_growth(total) + " in " + duration(comparison.seconds);
  if (comparison.work > 0 && comparison.work_unit == "requests") text += ", " + count(comparison.work) + " requests";
  text += "\n" + cell("growth", 12) + cell("", 26) + cell("born", 12) + cell("died", 12) + cell("in use", 12);
  if (comparison.work > 0 && comparison.work_unit == "requests") text += cell("per request", 16);
  text += "  site\n";
  std::size_t shown = 0;
  for (const diagnose::Change& c : comparison.changes) {
    if (c.growth.value > 0 && shown < limit) {
      add_change(c, comparison, text);
      ++shown;
    }
  }
  shown = 0;
  for (auto c = comparison.changes.rbegin(); c != comparison.changes.rend(); ++c) {
    if (c->growth.value < 0 && shown < limit) {
      add_change(*c, comparison, text);
      ++shown;
    }
  }
  if (comparison.changes.empty()) text += "nothing changed\n";
  return text;
}

}  // namespace holdfast::reports
