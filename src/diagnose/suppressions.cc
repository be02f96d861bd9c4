#include "diagnose/suppressions.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/units.h"
#include "diagnose/symbol.h"

namespace holdfast::diagnose {
namespace {

using nlohmann::json;

constexpr const char* kSchema = "holdfast.suppressions/1";

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

Result<std::vector<Suppression>> parse_lines(std::string_view text, const std::string& name) {
  std::vector<Suppression> all;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = trimmed(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty() || line.front() == '#') continue;
    const std::string where = name + ":" + std::to_string(number);
    const std::size_t colon = line.find(':');
    const std::string_view pattern =
        colon == std::string_view::npos ? std::string_view() : trimmed(line.substr(colon + 1));
    if (pattern.empty()) return Error{where + ": no suppression", "write it as leak:pattern"};
    if (line.substr(0, colon) != "leak") continue;  // race:, deadlock: and the like share such files
    all.push_back({.pattern = std::string(pattern), .where = where});
  }
  return all;
}

bool is_date(const std::string& text) {
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return false;
  for (const std::size_t i : {0, 1, 2, 3, 5, 6, 8, 9}) {
    if (text[i] < '0' || text[i] > '9') return false;
  }
  const int month = std::stoi(text.substr(5, 2)), day = std::stoi(text.substr(8, 2));
  return month >= 1 && month <= 12 && day >= 1 && day <= 31;
}

// Takes the strings of one entry; an unknown key is most likely a misspelt one.
Result<Suppression> parse_entry(const json& entry, const std::string& where) {
  if (!entry.is_object()) return Error{where + " is no object", "docs/cli.md shows one"};
  Suppression s{.where = where};
  std::string cap;
  const std::pair<const char*, std::string*> fields[] = {
      {"pattern", &s.pattern}, {"fingerprint", &s.fingerprint}, {"reason", &s.reason},
      {"issue", &s.issue},     {"expires", &s.expires},         {"cap", &cap}};
  for (const auto& [key, value] : entry.items()) {
    const auto* field =
        std::ranges::find_if(fields, [&, k = key](const auto& known) { return k == known.first; });
    if (field == std::end(fields)) return Error{where + ": unknown key '" + key + "'", "docs/cli.md has all"};
    if (!value.is_string()) return Error{where + ": " + key + " is no string", "put it in quotes"};
    *field->second = value.get<std::string>();
  }
  if (s.pattern.empty() == s.fingerprint.empty())
    return Error{where + " names no site", "give it a fingerprint, or a pattern"};
  if (s.reason.empty()) return Error{where + " gives no reason", "say why it is accepted, as \"reason\""};
  if (!s.expires.empty() && !is_date(s.expires))
    return Error{where + ": '" + s.expires + "' is no date", "write it as 2026-12-31"};
  if (!cap.empty()) {
    const auto bytes = base::parse_bytes(cap);
    if (!bytes) return Error{where + ": " + bytes.error().what, bytes.error().hint};
    s.cap_bytes = static_cast<double>(*bytes);
  }
  return s;
}

Result<std::vector<Suppression>> parse_json(std::string_view text, const std::string& name) {
  const json file = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (file.is_discarded()) return Error{name + " is broken JSON", "check it with: python3 -m json.tool"};
  const auto schema = file.find("schema");
  if (schema == file.end() || *schema != kSchema)
    return Error{name + " has no \"schema\": \"" + kSchema + "\"", "docs/cli.md shows such a file"};
  const auto entries = file.find("suppressions");
  if (entries == file.end() || !entries->is_array())
    return Error{name + " has no list \"suppressions\"", "docs/cli.md shows such a file"};
  std::vector<Suppression> all;
  for (const json& entry : *entries) {
    auto one = parse_entry(entry, name + ", entry " + std::to_string(all.size() + 1));
    if (!one) return one.error();
    all.push_back(std::move(*one));
  }
  return all;
}

// What the reports show of a name has its arguments shortened: a pattern that spells them out is shortened
// alike.
std::string as_shown(const std::string& pattern) {
  const std::size_t bracket = pattern.find_first_of("<(");
  if (bracket == std::string::npos) return pattern;
  std::string shown = explain_symbol(pattern, "").shown;
  // Only where that has left the name itself alone.
  return shown.starts_with(pattern.substr(0, bracket + 1)) ? shown : pattern;
}

// LeakSanitizer looks at every frame, plumbing too.
bool covers(const Suppression& s, const Site& site) {
  if (!s.fingerprint.empty()) return s.fingerprint == site.fingerprint;
  const std::string shown = as_shown(s.pattern);
  return std::ranges::any_of(site.frames, [&](const Frame& frame) {
    return matches(s.pattern, frame.function) || matches(shown, frame.function) ||
           matches(s.pattern, frame.file) || matches(s.pattern, frame.module);
  });
}

std::string named(const Suppression& s) {
  return "suppression of " + (s.pattern.empty() ? s.fingerprint : "'" + s.pattern + "'") + " (" + s.where +
         ")";
}

std::string told(const Suppression& s) {
  std::string text = s.where;
  if (!s.reason.empty()) text += ": " + s.reason;
  if (!s.issue.empty()) text += " [" + s.issue + "]";
  return text;
}

}  // namespace

Result<std::vector<Suppression>> parse_suppressions(std::string_view text, const std::string& name) {
  return trimmed(text).starts_with('{') ? parse_json(text, name) : parse_lines(text, name);
}

void suppress(Diagnosis& d, const std::vector<Suppression>& suppressions, const std::string& today) {
  for (const Suppression& s : suppressions) {
    std::vector<Finding*> covered;
    double bytes = 0;
    for (Finding& f : d.findings) {
      if (f.grade > Grade::growing_container || !covers(s, f.site)) continue;
      covered.push_back(&f);
      bytes += f.in_use.interval.lower;
    }
    if (covered.empty()) {
      d.notes.push_back(named(s) + " covers nothing here: remove it once that is so everywhere");
    } else if (!s.expires.empty() && s.expires < today) {
      d.notes.push_back(named(s) + " has expired on " + s.expires);
    } else if (s.cap_bytes && bytes > *s.cap_bytes) {
      d.notes.push_back(named(s) + " is beyond its cap of " + base::format_bytes(*s.cap_bytes));
    } else {
      for (Finding* f : covered) {
        if (f->suppressed_by.empty()) f->suppressed_by = told(s);
      }
    }
  }
}

}  // namespace holdfast::diagnose
