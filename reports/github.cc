#include "reports/github.h"

#include "reports/encoding.h"
#include "reports/findings.h"
#include "reports/numbers.h"

namespace holdfast::reports {
namespace {

using diagnose::Finding;
using diagnose::Outcome;

constexpr std::size_t kMostOfAKind = 10;
constexpr std::size_t kLargestSummary = 1 << 20;

std::string annotation(const char* kind, const std::string& title, const Place& place,
                       const std::string& message) {
  std::string text = std::string("::") + kind + " ";
  if (!place.file.empty())
    text += "file=" + github_property(place.file) + ",line=" + std::to_string(place.line) + ",";
  return text + "title=" + github_property(title) + "::" + github_message(message) + "\n";
}

}  // namespace

std::string render_github(const diagnose::Diagnosis& d, const Context& context) {
  std::string text;
  std::size_t errors = 0, warnings = 0;
  const auto add = [&](bool is_error, const std::string& title, const Place& place,
                       const std::string& message) {
    std::size_t& count = is_error ? errors : warnings;
    if (count++ < kMostOfAKind) text += annotation(is_error ? "error" : "warning", title, place, message);
  };
  for (const diagnose::BoundCheck& check : d.bounds) {
    if (check.is_exceeded) add(true, "bound exceeded", {}, headline(check));
  }
  for (const Finding& f : d.findings) {
    if (!f.is_alarming()) continue;
    add(f.grade == diagnose::Grade::leak, std::string("Holdfast: ") + diagnose::title(f.grade),
        place_of(f.site, context), headline(f, d.work_unit) + "\n" + evidence_text(f));
  }
  if (d.outcome() == Outcome::inconclusive && warnings == 0) {
    std::string why = "inconclusive";
    for (const std::string& note : d.notes) why += "\n" + note;
    add(false, "Holdfast", {}, why);
  }
  const std::size_t shown = std::min(errors, kMostOfAKind) + std::min(warnings, kMostOfAKind);
  if (errors + warnings > shown) {
    text += annotation("notice", "Holdfast", {},
                       std::to_string(errors + warnings - shown) + " more findings are in the summary");
  }
  return text;
}

std::string render_github(const diagnose::Comparison& c, const Context& context) {
  std::string text;
  std::size_t shown = 0;
  for (const diagnose::Change& change : c.changes) {
    if (!(change.growth.value > 0) || shown++ == kMostOfAKind) break;
    text += annotation("notice", "Holdfast: growth", place_of(change.site, context), headline(change, c));
  }
  return text;
}

std::string github_summary(std::string markdown) {
  if (markdown.size() <= kLargestSummary) return markdown;
  const std::string rest = "\nThe rest is cut off: a summary takes 1 MiB.\n";
  markdown.resize(markdown.rfind('\n', kLargestSummary - rest.size() - 1) + 1);
  return markdown + rest;
}

}  // namespace holdfast::reports
