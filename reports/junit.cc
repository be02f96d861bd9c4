#include "reports/junit.h"

#include <cstdio>

#include "reports/encoding.h"
#include "reports/findings.h"
#include "reports/text.h"

namespace holdfast::reports {
namespace {

using diagnose::Diagnosis;
using diagnose::Finding;
using diagnose::Outcome;

constexpr std::size_t kMostChanges = 100;

std::string number(double value) {
  char text[64];
  std::snprintf(text, sizeof text, "%.6g", value);
  return text;
}

std::string property(const char* name, const std::string& value) {
  return std::string("      <property name=\"") + name + "\" value=\"" + xml(value) + "\"/>\n";
}

std::string properties(const Diagnosis& d) {
  std::string text = "    <properties>\n" + property("in_use_bytes", number(d.in_use.value)) +
                     property("interval_bytes", number(d.interval_bytes)) +
                     property("uptime_seconds", number(d.uptime_seconds));
  if (d.work > 0) text += property("work", number(d.work) + " " + d.work_unit);
  for (const Finding& f : d.findings) {
    if (f.is_alarming()) text += property("finding", f.site.fingerprint + " " + headline(f, d.work_unit));
  }
  return text + "    </properties>\n";
}

// What stands between the tags of the case.
std::string result(const Diagnosis& d, const Context& context, std::string& counts) {
  const Outcome outcome = d.outcome();
  const bool fails = context.fails_when_inconclusive;
  counts = std::string("tests=\"1\" failures=\"") + (outcome == Outcome::leak ? "1" : "0") + "\" errors=\"" +
           (outcome == Outcome::inconclusive && fails ? "1" : "0") + "\" skipped=\"" +
           (outcome == Outcome::inconclusive && !fails ? "1" : "0") + "\"";
  if (outcome == Outcome::clean) return {};
  if (outcome == Outcome::inconclusive && !fails)
    return "      <skipped message=\"" + xml("inconclusive: " + summary(d)) + "\"/>\n";
  const bool is_leak = outcome == Outcome::leak;
  const std::string tag = is_leak ? "failure" : "error";
  std::string text = "      <" + tag + " type=\"" + (is_leak ? "leak" : "inconclusive") + "\" message=\"" +
                     xml(summary(d)) + "\">";
  for (const diagnose::BoundCheck& check : d.bounds) {
    if (check.is_exceeded) text += xml(headline(check) + "\n\n");
  }
  for (const Finding& f : d.findings) {
    if (!f.is_alarming()) continue;
    text += xml(headline(f, d.work_unit) + "\n" + evidence_text(f));
    for (const diagnose::Frame* frame : own_frames(f.site)) text += xml("    " + frame->function + "\n");
    text += "\n";
  }
  for (const std::string& note : d.notes) text += xml("note: " + note + "\n");
  return text + "</" + tag + ">\n";
}

std::string document(const char* suite, const std::string& name, const std::string& counts, double seconds,
                     const std::string& properties_text, const std::string& result_text,
                     const std::string& output) {
  const std::string time = "time=\"" + number(seconds) + "\"";
  return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"holdfast\" " + counts + " " + time +
         ">\n  <testsuite name=\"" + suite + "\" " + counts + " " + time + ">\n" + properties_text +
         "    <testcase classname=\"" + suite + "\" name=\"" + xml(name) + "\" " + time + ">\n" +
         result_text + "      <system-out>" + xml(output) +
         "</system-out>\n    </testcase>\n  </testsuite>\n</testsuites>\n";
}

}  // namespace

std::string render_junit(const Diagnosis& d, const Context& context) {
  std::string counts;
  const std::string result_text = result(d, context, counts);
  return document(d.rounds ? "holdfast.ci" : "holdfast.check", context.name, counts, d.uptime_seconds,
                  properties(d), result_text, render_text(d));
}

std::string render_junit(const diagnose::Comparison& comparison, const Context& context) {
  return document("holdfast.diff", context.name, "tests=\"1\" failures=\"0\" errors=\"0\" skipped=\"0\"",
                  comparison.seconds > 0 ? comparison.seconds : 0, {}, {},
                  render_text(comparison, kMostChanges));
}

}  // namespace holdfast::reports
