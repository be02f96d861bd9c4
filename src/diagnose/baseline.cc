#include "diagnose/baseline.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

namespace holdfast::diagnose {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr const char* kSchema = "holdfast.baseline/1";
constexpr Grade kGrades[] = {Grade::leak,     Grade::suspect,  Grade::growing_container,
                             Grade::retained, Grade::turnover, Grade::too_little_data};

void add(std::optional<Estimate>& sum, const std::optional<Estimate>& more) {
  if (!more) return;
  if (!sum) sum = Estimate{};
  sum->value += more->value;
  sum->interval.lower += more->interval.lower;
  sum->interval.upper += more->interval.upper;
}

// Alarming in itself, accepted or not.
bool leaks(Grade grade) { return grade <= Grade::growing_container; }

std::map<std::string, BaselineSite> by_function(const Diagnosis& d) {
  std::map<std::string, BaselineSite> sites;
  for (const Finding& f : d.findings) {
    if (!leaks(f.grade)) continue;
    BaselineSite& site = sites[f.site.fingerprint];
    if (site.fingerprint.empty()) {
      site.fingerprint = f.site.fingerprint;
      site.name = f.site.name();
      site.grade = f.grade;
    }
    site.grade = std::min(site.grade, f.grade);
    add(site.bytes_per_hour, f.bytes_per_hour);
    add(site.bytes_per_work, f.bytes_per_work);
  }
  return sites;
}

ordered_json encode_rate(const Estimate& e) {
  return {{"value", e.value}, {"interval_95", {e.interval.lower, e.interval.upper}}};
}

std::optional<Estimate> rate_of(const json& site, const char* key) {
  const auto found = site.find(key);
  if (found == site.end()) return {};
  const json& interval = found->at("interval_95");
  return Estimate{found->at("value").get<double>(),
                  {interval.at(0).get<double>(), interval.at(1).get<double>()}};
}

BaselineSite site_of(const json& entry) {
  BaselineSite site;
  site.fingerprint = entry.at("fingerprint").get<std::string>();
  site.name = entry.at("site").get<std::string>();
  const auto grade = entry.at("grade").get<std::string>();
  for (const Grade known : kGrades) {
    if (grade == name(known)) site.grade = known;
  }
  site.bytes_per_hour = rate_of(entry, "bytes_per_hour");
  site.bytes_per_work = rate_of(entry, "bytes_per_work");
  return site;
}

// Beyond what both intervals allow. What has no rate (a container) is as bad as it was.
bool is_worse(const BaselineSite& now, const BaselineSite& before, bool same_unit) {
  if (same_unit && now.bytes_per_work && before.bytes_per_work)
    return now.bytes_per_work->interval.lower > before.bytes_per_work->interval.upper;
  return now.bytes_per_hour && before.bytes_per_hour &&
         now.bytes_per_hour->interval.lower > before.bytes_per_hour->interval.upper;
}

}  // namespace

Baseline make_baseline(const Diagnosis& diagnosis) {
  Baseline baseline{.work_unit = diagnosis.work_unit, .sites = {}};
  for (auto& [fingerprint, site] : by_function(diagnosis)) baseline.sites.push_back(std::move(site));
  return baseline;
}

std::string encode(const Baseline& baseline) {
  ordered_json sites = ordered_json::array();
  for (const BaselineSite& site : baseline.sites) {
    ordered_json entry = {
        {"fingerprint", site.fingerprint}, {"site", site.name}, {"grade", name(site.grade)}};
    if (site.bytes_per_hour) entry["bytes_per_hour"] = encode_rate(*site.bytes_per_hour);
    if (site.bytes_per_work) entry["bytes_per_work"] = encode_rate(*site.bytes_per_work);
    sites.push_back(std::move(entry));
  }
  const ordered_json file = {{"schema", kSchema}, {"work_unit", baseline.work_unit}, {"sites", sites}};
  return file.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

Result<Baseline> parse_baseline(std::string_view text, const std::string& file_name) {
  const Error broken{file_name + " is no baseline", "write one with: holdfast baseline SNAPSHOT -o FILE"};
  const json file = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!file.is_object() || file.value("schema", json()) != kSchema) return broken;
  try {
    Baseline baseline{.work_unit = file.at("work_unit").get<std::string>(), .sites = {}};
    for (const json& entry : file.at("sites")) baseline.sites.push_back(site_of(entry));
    return baseline;
  } catch (const json::exception&) {
    return broken;
  }
}

void compare_with(const Baseline& baseline, Diagnosis& d) {
  std::map<std::string, BaselineSite> before;
  for (const BaselineSite& site : baseline.sites) before.emplace(site.fingerprint, site);
  const std::map<std::string, BaselineSite> now = by_function(d);
  const bool same_unit = baseline.work_unit == d.work_unit;
  std::set<std::string> seen;
  for (Finding& f : d.findings) {
    seen.insert(f.site.fingerprint);
    if (!leaks(f.grade)) continue;
    const auto known = before.find(f.site.fingerprint);
    f.baseline = known == before.end()                                            ? BaselineState::is_new
                 : is_worse(now.at(f.site.fingerprint), known->second, same_unit) ? BaselineState::worse
                                                                                  : BaselineState::same;
  }
  for (const auto& [fingerprint, site] : before) {
    if (!leaks(site.grade) || now.contains(fingerprint)) continue;
    d.gone.push_back({fingerprint, site.name, seen.contains(fingerprint)});
  }
}

}  // namespace holdfast::diagnose
