#include "reports/json.h"

#include <nlohmann/json.hpp>

namespace holdfast::reports {
namespace {

using nlohmann::ordered_json;

constexpr const char* kCheckSchema = "holdfast.check/1";
constexpr const char* kDiffSchema = "holdfast.diff/1";

ordered_json interval(const diagnose::Interval& i) { return ordered_json::array({i.lower, i.upper}); }

ordered_json estimate(const diagnose::Estimate& e) { return {{"value", e.value}, {"interval_95", interval(e.interval)}}; }

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

ordered_json finding(const diagnose::Finding& f) {
  ordered_json json = {{"grade", diagnose::name(f.grade)}, {"site", site(f.site)}, {"in_use", estimate(f.in_use)}};
  if (f.bytes_per_hour) {
    json["rate"] = {{"bytes_per_hour", f.bytes_per_hour->value}};
    json["interval_95"] = {{"bytes_per_hour", interval(f.bytes_per_hour->interval)}};
    if (f.bytes_per_work) {
      json["rate"]["bytes_per_work"] = f.bytes_per_work->value;
      json["interval_95"]["bytes_per_work"] = interval(f.bytes_per_work->interval);
    }
  }
  json["samples"] = f.samples;
  if (f.hours_to_limit) json["hours_to_limit"] = *f.hours_to_limit;
  if (f.growth) json["growth"] = estimate(*f.growth);
  json["evidence"] = {{"p_survive_leak", f.p_survive_leak}, {"p_survive_suspect", f.p_survive_suspect},
                      {"p_birth", f.p_birth},               {"fade", f.fade},
                      {"q_value", f.q_value},               {"facts", f.facts},
                      {"reason", f.reason}};
  ordered_json labels = ordered_json::object();
  for (const auto& [label, share] : f.site.labels) labels[label] = share;
  json["labels"] = std::move(labels);
  return json;
}

// Names come from binaries of any kind: bytes that are no UTF-8 are replaced.
std::string dump(const ordered_json& json) { return json.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n"; }

}  // namespace

std::string render_json(const diagnose::Diagnosis& d, const std::vector<std::string>& snapshots) {
  ordered_json counters = ordered_json::object();
  for (const profile::Counter& c : d.counters) counters[c.name] = c.value;
  ordered_json findings = ordered_json::array();
  for (const diagnose::Finding& f : d.findings) findings.push_back(finding(f));
  const char* verdict = d.has_leak() ? "leak" : d.inconclusive ? "inconclusive" : "clean";
  return dump({{"schema", kCheckSchema},
               {"verdict", verdict},
               {"snapshots", snapshots},
               {"interval", d.interval_bytes},
               {"uptime", d.uptime_seconds},
               {"warm_up", d.warm_up_seconds},
               {"work", {{"unit", d.work_unit}, {"total", d.work}}},
               {"memory", {{"in_use_bytes", d.in_use_bytes}, {"allocator", d.allocator}}},
               {"floor_bytes", d.floor_bytes},
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
    if (c.growth_per_work) change["growth_per_work"] = *c.growth_per_work;
    changes.push_back(std::move(change));
  }
  return dump({{"schema", kDiffSchema},
               {"snapshots", snapshots},
               {"same_process", comparison.same_process},
               {"seconds", comparison.seconds},
               {"work", {{"unit", comparison.work_unit}, {"total", comparison.work}}},
               {"warnings", comparison.warnings},
               {"changes", std::move(changes)}});
}

}  // namespace holdfast::reports
