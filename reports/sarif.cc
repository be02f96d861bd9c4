#include "reports/sarif.h"

#include <array>
#include <nlohmann/json.hpp>

#include "reports/encoding.h"
#include "reports/findings.h"

namespace holdfast::reports {
namespace {

using diagnose::Finding;
using diagnose::Grade;
using nlohmann::ordered_json;

constexpr const char* kSchema = "https://json.schemastore.org/sarif-2.1.0.json";
constexpr std::size_t kMostFrames = 64;
constexpr std::size_t kMostChanges = 1000;

struct Rule {
  const char* id;
  const char* name;
  const char* text;
  const char* level;
};

constexpr std::array<Rule, 5> kRules = {
    {{"holdfast/leak", "Leak", "A place that keeps what it allocates, and goes on doing so.", "error"},
     {"holdfast/suspect", "Suspect", "A place that may leak: more data would decide.", "warning"},
     {"holdfast/growing-container", "GrowingContainer", "One buffer that keeps doubling.", "warning"},
     {"holdfast/bound-exceeded", "BoundExceeded", "A place that holds more than was declared for it.",
      "error"},
     {"holdfast/growth", "Growth", "A place that holds more than in the base snapshot.", "note"}}};

enum RuleIndex { kLeak, kSuspect, kContainer, kBound, kGrowth };

RuleIndex rule_of(Grade grade) {
  return grade == Grade::leak ? kLeak : grade == Grade::suspect ? kSuspect : kContainer;
}

ordered_json rules() {
  ordered_json json = ordered_json::array();
  for (const Rule& rule : kRules) {
    json.push_back({{"id", rule.id},
                    {"name", rule.name},
                    {"shortDescription", {{"text", rule.text}}},
                    {"defaultConfiguration", {{"level", rule.level}}}});
  }
  return json;
}

ordered_json physical(const std::string& file, std::int64_t line) {
  return {{"artifactLocation", {{"uri", uri_path(file)}, {"uriBaseId", "%SRCROOT%"}}},
          {"region", {{"startLine", line}}}};
}

ordered_json frame_location(const diagnose::Frame& frame, const Context& context) {
  ordered_json location = {
      {"logicalLocations", {{{"fullyQualifiedName", frame.function}, {"kind", "function"}}}},
      {"message", {{"text", frame.function}}}};
  const std::string file = relative_path(frame.file, context.source_root);
  if (!file.empty() && frame.line > 0) location["physicalLocation"] = physical(file, frame.line);
  return location;
}

// The stack, as a flow from the outermost caller to the allocation.
ordered_json flow(const diagnose::Site& site, const Context& context) {
  const auto frames = own_frames(site);
  ordered_json steps = ordered_json::array();
  for (std::size_t i = std::min(frames.size(), kMostFrames); i-- > 0;)
    steps.push_back({{"location", frame_location(*frames[i], context)}});
  return {{{"threadFlows", {{{"locations", std::move(steps)}}}}}};
}

ordered_json locations(const diagnose::Site& site, const Context& context) {
  const auto frames = own_frames(site);
  ordered_json location = ordered_json::object();
  if (!frames.empty()) location = frame_location(*frames.front(), context);
  location.erase("message");
  const Place place = place_of(site, context);
  if (!place.file.empty()) location["physicalLocation"] = physical(place.file, place.line);
  return ordered_json::array({std::move(location)});
}

ordered_json result(RuleIndex rule, const std::string& message) {
  return {{"ruleId", kRules[rule].id},
          {"ruleIndex", static_cast<int>(rule)},
          {"level", kRules[rule].level},
          {"message", {{"text", message}}}};
}

void add_site(const diagnose::Site& site, const Context& context, ordered_json& json) {
  json["locations"] = locations(site, context);
  json["partialFingerprints"] = {{"holdfastSite/v1", site.fingerprint}};
  if (!own_frames(site).empty()) json["codeFlows"] = flow(site, context);
}

ordered_json result(const Finding& f, const std::string& work_unit, const Context& context) {
  ordered_json json = result(rule_of(f.grade), headline(f, work_unit) + "\n" + evidence_text(f));
  add_site(f.site, context, json);
  if (f.baseline == diagnose::BaselineState::is_new) json["baselineState"] = "new";
  if (f.baseline == diagnose::BaselineState::worse) json["baselineState"] = "updated";
  if (f.baseline == diagnose::BaselineState::same) json["baselineState"] = "unchanged";
  if (!f.suppressed_by.empty())
    json["suppressions"] = {{{"kind", "external"}, {"justification", f.suppressed_by}}};
  return json;
}

std::string document(ordered_json results, const std::vector<std::string>& notes, const Context& context) {
  ordered_json notifications = ordered_json::array();
  for (const std::string& note : notes)
    notifications.push_back({{"level", "note"}, {"message", {{"text", note}}}});
  const ordered_json run = {
      {"tool", {{"driver", {{"name", "Holdfast"}, {"version", context.version}, {"rules", rules()}}}}},
      {"invocations",
       {{{"executionSuccessful", true}, {"toolExecutionNotifications", std::move(notifications)}}}},
      {"automationDetails", {{"id", "holdfast/" + context.name}}},
      {"columnKind", "utf16CodeUnits"},
      {"results", std::move(results)}};
  const ordered_json json = {
      {"$schema", kSchema}, {"version", "2.1.0"}, {"runs", ordered_json::array({run})}};
  return json.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace

std::string render_sarif(const diagnose::Diagnosis& d, const Context& context) {
  ordered_json results = ordered_json::array();
  // Places of one function share a fingerprint; an alert stands for all of them.
  for (const Finding& f : d.findings) {
    if (f.grade <= Grade::growing_container) results.push_back(result(f, d.work_unit, context));
  }
  for (const diagnose::BoundCheck& check : d.bounds) {
    if (!check.is_exceeded) continue;
    ordered_json json = result(kBound, headline(check));
    json["locations"] = ordered_json::array();
    json["partialFingerprints"] = {{"holdfastBound/v1", check.bound.pattern}};
    results.push_back(std::move(json));
  }
  return document(std::move(results), d.notes, context);
}

std::string render_sarif(const diagnose::Comparison& c, const Context& context) {
  ordered_json results = ordered_json::array();
  for (const diagnose::Change& change : c.changes) {
    if (!(change.growth.value > 0) || results.size() == kMostChanges) break;
    ordered_json json = result(kGrowth, headline(change, c));
    add_site(change.site, context, json);
    results.push_back(std::move(json));
  }
  return document(std::move(results), c.warnings, context);
}

}  // namespace holdfast::reports
