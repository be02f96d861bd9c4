#include "reports/json.h"

#include <nlohmann/json.hpp>

#include "reports/memory.h"

namespace holdfast::reports {
namespace {

using nlohmann::ordered_json;

constexpr const char* kCheckSchema = "holdfast.check/1";
constexpr const char* kDiffSchema = "holdfast.diff/1";

ordered_json interval(const diagnose::Interval& i) { return ordered_json::array({i.lower, i.upper}); }

ordered_json estimate(const diagnose::Estimate& e) {
  return {{"value", e.value}, {"interval_95", interval(e.interval)}};
}

ordered_json site(const diagnose::Site& s) {
  ordered_json frames = ordered_json::array();
  for (const diagnose::Frame& f : s.frames) {
    ordered_json frame = {{"function", f.function}, {"module", f.module}};
    if (!f.file.empty()) frame["file"] = f.file;
    if (f.line > 0) frame["line"] = f.line;
    if (f.is_plumbing) frame["plumbing"] = true;
    frames.push_back(std::move(frame));
  }
  return {{"name", s.name()},
          {"fingerprint", s.fingerprint},
          {"in_use_bytes", s.inuse_bytes},
          {"in_use_objects", s.inuse_objects},
          {"alloc_bytes", s.alloc_bytes},
          {"alloc_objects", s.alloc_objects},
          {"frames", std::move(frames)}};
}

ordered_json evidence(const diagnose::Finding& f) {
  const diagnose::Evidence& e = f.evidence;
  ordered_json json = {{"from_age_seconds", e.from_age_ns / 1e9},
                       {"to_age_seconds", e.to_age_ns / 1e9},
                       {"reached", e.reached},
                       {"died", e.died},
                       {"kept_older_half", e.kept_older},
                       {"kept_younger_half", e.kept_younger},
                       {"died_old", e.died_old}};
  if (e.median_lifetime_ns) json["median_lifetime_seconds"] = *e.median_lifetime_ns / 1e9;
  if (e.longest_lifetime_ns) json["longest_lifetime_seconds"] = *e.longest_lifetime_ns / 1e9;
  json["p_survive_leak"] = e.p_survive_leak;
  json["p_survive_suspect"] = e.p_survive_suspect;
  json["p_birth"] = e.p_birth;
  json["fade"] = e.fade;
  json["q_value"] = e.q_value;
  json["facts"] = f.facts;
  return json;
}

void add_rate(const diagnose::Finding& f, ordered_json& json) {
  json["rate"] = ordered_json::object();
  json["interval_95"] = ordered_json::object();
  const auto add = [&](const char* unit, const std::optional<diagnose::Estimate>& e) {
    if (!e) return;
    json["rate"][unit] = e->value;
    json["interval_95"][unit] = interval(e->interval);
  };
  add("bytes_per_hour", f.bytes_per_hour);
  add("bytes_per_work", f.bytes_per_work);
}

// The most frequent chain; null where only a snapshot was judged, or the process was not asked.
ordered_json holder(const diagnose::Finding& f) {
  if (!f.holders || f.holders->chains.empty()) return nullptr;
  const diagnose::HolderChain& chain = f.holders->chains.front();
  ordered_json steps = ordered_json::array();
  for (const diagnose::HolderStep& step : chain.steps) steps.push_back(step.what);
  return {{"root_kind", diagnose::name(chain.kind)},
          {"root", chain.root},
          {"steps", std::move(steps)},
          {"one_line", diagnose::one_line(chain)},
          {"count", chain.count},
          {"examined", f.holders->examined},
          {"low_confidence", chain.is_guess}};
}

ordered_json finding(const diagnose::Finding& f) {
  ordered_json json = {{"grade", diagnose::name(f.grade)},
                       {"reason", diagnose::name(f.reason)},
                       {"explanation", f.explanation},
                       {"site", site(f.site)},
                       {"in_use", estimate(f.in_use)}};
  add_rate(f, json);
  json["samples"] = f.samples;
  if (f.hours_to_limit) json["hours_to_limit"] = *f.hours_to_limit;
  if (f.growth) json["growth"] = estimate(*f.growth);
  if (f.slope_bytes_per_hour) json["slope_bytes_per_hour"] = *f.slope_bytes_per_hour;
  if (!f.series.empty()) {
    ordered_json points = ordered_json::array();
    for (const diagnose::GrowthPoint& p : f.series) points.push_back({p.uptime_seconds, p.in_use_bytes});
    json["series"] = std::move(points);
  }
  json["evidence"] = evidence(f);
  ordered_json labels = ordered_json::object();
  for (const auto& [label, share] : f.site.labels) labels[label] = share;
  json["labels"] = std::move(labels);
  if (f.baseline != diagnose::BaselineState::none) json["baseline"] = diagnose::name(f.baseline);
  if (!f.suppressed_by.empty()) json["suppressed_by"] = f.suppressed_by;
  json["holder"] = holder(f);
  return json;
}

ordered_json bounds(const diagnose::Diagnosis& d) {
  ordered_json json = ordered_json::array();
  for (const diagnose::BoundCheck& check : d.bounds) {
    json.push_back({{"pattern", check.bound.pattern},
                    {"bytes", check.bound.bytes},
                    {"in_use", estimate(check.in_use)},
                    {"exceeded", check.is_exceeded}});
  }
  return json;
}

ordered_json gone(const diagnose::Diagnosis& d) {
  ordered_json json = ordered_json::array();
  for (const diagnose::BaselineChange& change : d.gone) {
    json.push_back({{"fingerprint", change.fingerprint},
                    {"site", change.site},
                    {"baseline", change.is_fixed ? "fixed" : "absent"}});
  }
  return json;
}

ordered_json rounds(const diagnose::Rounds& r) {
  return {{"warm_up", r.warm_up},
          {"measured", r.measured},
          {"confirming", r.confirming},
          {"work_per_round", r.work_per_round},
          {"budget_bytes_per_work", r.budget_bytes_per_work},
          {"floor_bytes_per_work", r.floor_bytes_per_work},
          {"in_use_bytes", r.in_use_bytes}};
}

const char* verdict(const diagnose::Diagnosis& d) {
  switch (d.outcome()) {
    case diagnose::Outcome::clean:
      return "clean";
    case diagnose::Outcome::leak:
      return "leak";
    case diagnose::Outcome::inconclusive:
      break;
  }
  return "inconclusive";
}

// Names come from binaries of any kind: bytes that are no UTF-8 are replaced.
std::string dump(const ordered_json& json) {
  return json.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace

std::string render_json(const diagnose::Diagnosis& d, const std::vector<std::string>& snapshots) {
  ordered_json counters = ordered_json::object();
  for (const profile::Counter& c : d.counters) counters[c.name] = c.value;
  ordered_json findings = ordered_json::array();
  for (const diagnose::Finding& f : d.findings) findings.push_back(finding(f));
  ordered_json memory = {{"in_use_bytes", d.in_use.value},
                         {"in_use_interval_95", interval(d.in_use.interval)},
                         {"allocator", d.allocator},
                         {"unwinder", d.unwinder}};
  add_memory(d, memory);
  return dump({{"schema", kCheckSchema},
               {"verdict", verdict(d)},
               {"snapshots", snapshots},
               {"interval", d.interval_bytes},
               {"uptime", d.uptime_seconds},
               {"warm_up", d.warm_up_seconds},
               {"work", {{"unit", d.work_unit}, {"total", d.work}}},
               {"memory", std::move(memory)},
               {"floor_bytes", d.floor_bytes},
               {"bounds", bounds(d)},
               {"gone", gone(d)},
               {"rounds", d.rounds ? rounds(*d.rounds) : ordered_json()},
               {"notes", d.notes},
               {"counters", std::move(counters)},
               {"findings", std::move(findings)}});
}

std::string render_json(const diagnose::Comparison& comparison, const std::vector<std::string>& snapshots) {
  ordered_json changes = ordered_json::array();
  for (const diagnose::Change& c : comparison.changes) {
    ordered_json change = {{"site", site(c.site)},
                           {"base_bytes", c.base_bytes},
                           {"current_bytes", c.current_bytes},
                           {"growth", estimate(c.growth)}};
    if (c.born_bytes) change["born_bytes"] = *c.born_bytes;
    if (c.died_bytes) change["died_bytes"] = *c.died_bytes;
    if (c.base_rate) change["base_rate"] = *c.base_rate;
    if (c.current_rate) change["current_rate"] = *c.current_rate;
    if (c.growth_per_work) change["growth_per_work"] = *c.growth_per_work;
    changes.push_back(std::move(change));
  }
  return dump({{"schema", kDiffSchema},
               {"snapshots", snapshots},
               {"same_process", comparison.same_process},
               {"basis", diagnose::name(comparison.basis)},
               {"rate_unit", comparison.rate_unit},
               {"seconds", comparison.seconds},
               {"work", {{"unit", comparison.work_unit}, {"total", comparison.work}}},
               {"warnings", comparison.warnings},
               {"changes", std::move(changes)}});
}

}  // namespace holdfast::reports
