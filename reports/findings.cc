#include "reports/findings.h"

#include "base/units.h"
#include "reports/encoding.h"
#include "reports/numbers.h"

namespace holdfast::reports {

using diagnose::Finding;

std::vector<const diagnose::Frame*> own_frames(const diagnose::Site& site) {
  std::vector<const diagnose::Frame*> frames;
  for (std::size_t i = site.named_frame; i < site.frames.size(); ++i) {
    if (!site.frames[i].is_plumbing) frames.push_back(&site.frames[i]);
  }
  return frames;
}

Place place_of(const diagnose::Site& site, const Context& context) {
  for (const diagnose::Frame* frame : own_frames(site)) {
    if (frame->line <= 0) continue;
    std::string file = relative_path(frame->file, context.source_root);
    if (!file.empty()) return {std::move(file), frame->line};
  }
  return {};
}

std::string rate_text(const Finding& f, const std::string& work_unit) {
  std::string text;
  if (f.bytes_per_hour) text += growth_with_interval(*f.bytes_per_hour, "/h");
  if (f.bytes_per_work) {
    const std::string per = "/" + one_of(work_unit);
    text += f.bytes_per_hour ? " = " + bytes_with_interval(*f.bytes_per_work, per)
                             : growth_with_interval(*f.bytes_per_work, per);
  }
  return text;
}

std::string headline(const Finding& f, const std::string& work_unit) {
  const std::string rate = rate_text(f, work_unit);
  return std::string(diagnose::title(f.grade)) + " " + f.site.name() + ": " +
         (rate.empty() ? bytes_with_interval(f.in_use) + " in use" : rate);
}

std::string evidence_text(const Finding& f) {
  std::string text;
  for (const std::string& fact : f.facts) text += fact + "\n";
  if (!f.explanation.empty()) text += f.explanation + "\n";
  return text;
}

std::string headline(const diagnose::BoundCheck& check) {
  return "bound exceeded: " + check.bound.pattern + " <= " + base::format_bytes(check.bound.bytes) + ", " +
         bytes_with_interval(check.in_use) + " in use";
}

std::string summary(const diagnose::Diagnosis& d) {
  std::size_t leaks = 0, suspects = 0, exceeded = 0;
  for (const Finding& f : d.findings) {
    leaks += f.grade == diagnose::Grade::leak && f.is_alarming();
    suspects += f.grade != diagnose::Grade::leak && f.is_alarming();
  }
  for (const diagnose::BoundCheck& check : d.bounds) exceeded += check.is_exceeded;
  std::string text;
  const auto add = [&](std::size_t n, const char* what) {
    if (n > 0) text += (text.empty() ? "" : ", ") + plural(n, what);
  };
  add(leaks, "leaking site");
  add(exceeded, "exceeded bound");
  add(suspects, "suspect");
  if (!text.empty()) return text;
  return d.inconclusive ? "inconclusive" : "no leak found";
}

std::string headline(const diagnose::Change& change, const diagnose::Comparison& comparison) {
  const std::string per =
      comparison.basis == diagnose::Basis::rates ? "/" + one_of(comparison.rate_unit) : std::string();
  return growth_with_interval(change.growth, per) + " " + change.site.name();
}

}  // namespace holdfast::reports
