#include "reports/text.h"

#include <chrono>
#include <unordered_map>

#include "base/units.h"
#include "diagnose/explain.h"
#include "reports/findings.h"
#include "reports/memory.h"
#include "reports/numbers.h"

namespace holdfast::reports {
namespace {

using diagnose::count_text;
using diagnose::Diagnosis;
using diagnose::Finding;
using diagnose::Grade;

constexpr double kWorthShowing = 1 << 20;  // a retained table of a few bytes explains nothing
constexpr std::size_t kMostRetained = 3;
constexpr std::size_t kMostLabels = 4;

// What has been accepted is shown as well, and said to be.
bool is_alarming(const Finding& f) { return f.grade <= Grade::growing_container; }

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

void add_labels(const Finding& f, std::string& text) {
  if (f.site.labels.empty()) return;
  text += "  labels: ";
  for (std::size_t i = 0; i < f.site.labels.size() && i < kMostLabels; ++i) {
    const auto& [label, share] = f.site.labels[i];
    text += (i == 0 ? "" : ", ") + label + " " + count_text(100 * share) + " %";
  }
  text += "\n";
}

void add_finding(const Finding& f, const Diagnosis& d, const TextOptions& options, std::string& text) {
  text += std::string(diagnose::title(f.grade)) + "  " + f.site.name();
  if (f.baseline != diagnose::BaselineState::none)
    text += std::string("  (") + diagnose::name(f.baseline) + ")";
  if (f.grade <= Grade::suspect && (f.bytes_per_hour || f.bytes_per_work)) {
    text += "   " + rate_text(f, d.work_unit);
    if (f.samples > 0) text += "   " + count_text(static_cast<double>(f.samples)) + " samples";
  }
  text +=
      "\n  in use: " + bytes_with_interval(f.in_use) + " in " + count_text(f.site.inuse_objects) + " blocks";
  if (f.growth) text += ", " + growth_with_interval(*f.growth) + " since the first snapshot";
  text += "\n";
  for (const std::string& fact : f.facts) text += "  " + fact + "\n";
  if (!f.explanation.empty()) text += "  " + f.explanation + "\n";
  if (!f.suppressed_by.empty()) text += "  suppressed by " + f.suppressed_by + "\n";
  add_labels(f, text);
  if (is_alarming(f)) add_stack(f, options.frames, text);
  text += "\n";
}

// A function that leaks one object often leaks its parts with it: those get one line.
void add_part(const Finding& f, const Diagnosis& d, std::string& text) {
  text.pop_back();  // the empty line after the finding it belongs to
  text += "  and with it, also " + std::string(diagnose::title(f.grade)) + ": ";
  text += f.bytes_per_hour ? rate_text(f, d.work_unit) : bytes_with_interval(f.in_use);
  text += " in " + count_text(f.site.inuse_objects) + " blocks\n\n";
}

void add_findings(const Diagnosis& d, const TextOptions& options, std::string& text) {
  std::vector<const Finding*> shown;
  std::unordered_map<std::string, std::vector<const Finding*>> parts;  // of the first of a function and grade
  std::size_t retained = 0;
  for (const Finding& f : d.findings) {
    if (is_alarming(f)) {
      std::vector<const Finding*>& group = parts[f.site.fingerprint + diagnose::name(f.grade)];
      if (group.empty()) shown.push_back(&f);
      group.push_back(&f);
    } else if (options.show_all ||
               (f.grade == Grade::retained && f.in_use.value >= kWorthShowing && retained < kMostRetained)) {
      retained += f.grade == Grade::retained;
      shown.push_back(&f);
    }
  }
  for (const Finding* f : shown) {
    add_finding(*f, d, options, text);
    if (!is_alarming(*f)) continue;
    for (const Finding* part : parts[f->site.fingerprint + diagnose::name(f->grade)]) {
      if (part != f) add_part(*part, d, text);
    }
  }
}

std::string rounds_line(const diagnose::Rounds& rounds, const Diagnosis& d) {
  std::string text =
      "rounds: " + count_text(rounds.warm_up) + " to warm up, " + count_text(rounds.measured) + " measured";
  if (rounds.confirming > 0) text += ", " + count_text(rounds.confirming) + " to confirm";
  if (d.work_unit != "rounds") text += ", of " + count_text(rounds.work_per_round) + " " + d.work_unit;
  text += "; budget " + base::format_bytes(rounds.budget_bytes_per_work) + "/" + one_of(d.work_unit);
  return text + "\n";
}

std::string head(const Diagnosis& d) {
  std::string text = "heap: " + bytes_with_interval(d.in_use) + " in use";
  if (d.uptime_seconds > 0) text += ", recorded for " + diagnose::duration_text(d.uptime_seconds * 1e9);
  if (d.work > 0 && d.work_unit != "bytes allocated") text += ", " + count_text(d.work) + " " + d.work_unit;
  if (d.interval_bytes == 1) text += "; every allocation counted";
  if (d.interval_bytes > 1) {
    text += "; one sample per " + base::format_bytes(d.interval_bytes) + ", so leaks of less than " +
            base::format_bytes(d.floor_bytes) + " cannot be seen";
  }
  text += "\n";
  return d.rounds ? text + rounds_line(*d.rounds, d) : text;
}

void add_gone(const Diagnosis& d, std::string& text) {
  for (const diagnose::BaselineChange& change : d.gone) {
    text += std::string(change.is_fixed ? "fixed" : "absent") + " since the baseline: " + change.site +
            "  [" + change.fingerprint + "]\n";
  }
  if (!d.gone.empty()) text += "\n";
}

void add_bounds(const Diagnosis& d, std::string& text) {
  for (const diagnose::BoundCheck& check : d.bounds) {
    const bool holds = check.in_use.value <= check.bound.bytes;
    text += std::string(check.is_exceeded ? "BOUND EXCEEDED  "
                        : holds           ? "bound holds  "
                                          : "bound perhaps exceeded  ") +
            check.bound.pattern + " <= " + base::format_bytes(check.bound.bytes) + ": " +
            bytes_with_interval(check.in_use) + " in use\n";
  }
  if (!d.bounds.empty()) text += "\n";
}

std::string last_line(const Diagnosis& d) {
  std::size_t leaks = 0, suspects = 0, others = 0, exceeded = 0, accepted = 0;
  for (const Finding& f : d.findings) {
    leaks += f.grade == Grade::leak && f.is_alarming();
    suspects += f.grade != Grade::leak && f.is_alarming();
    accepted += is_alarming(f) && !f.is_alarming();
    others += !is_alarming(f);
  }
  for (const diagnose::BoundCheck& check : d.bounds) exceeded += check.is_exceeded;
  std::string text = leaks > 0        ? plural(leaks, "leaking site")
                     : exceeded > 0   ? plural(exceeded, "exceeded bound")
                     : d.inconclusive ? std::string("inconclusive")
                     : suspects > 0   ? std::string("no leak confirmed")
                                      : std::string("no leak found");
  if (suspects > 0) text += ", " + plural(suspects, "suspect");
  if (accepted > 0) text += ", " + count_text(static_cast<double>(accepted)) + " accepted";
  if (others > 0) text += "; " + plural(others, "other site") + " judged (--all shows each)";
  return text + "\n";
}

}  // namespace

std::string render_text(const Diagnosis& d, const TextOptions& options) {
  std::string text = head(d) + "\n";
  add_findings(d, options, text);
  add_bounds(d, text);
  add_gone(d, text);
  text += render_memory(d);
  for (const profile::Counter& c : d.counters) {
    text += "note: " + c.name + ": " + count_text(static_cast<double>(c.value)) + "\n";
  }
  for (const std::string& note : d.notes) text += "note: " + note + "\n";
  return printable(text + last_line(d));
}

}  // namespace holdfast::reports
