#include "diagnose/policy.h"

#include <algorithm>

#include "base/units.h"

namespace holdfast::diagnose {
namespace {

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

// Whether all of `text` matches `pattern`; linear in both, as each `*` needs to remember only the last one.
bool matches_whole(std::string_view pattern, std::string_view text) {
  std::size_t p = 0, t = 0, star = std::string_view::npos, after_star = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      after_star = t;
    } else if (p < pattern.size() && pattern[p] == text[t]) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++after_star;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

}  // namespace

bool matches(std::string_view pattern, std::string_view text) {
  if (pattern.empty()) return false;
  const bool from_start = pattern.front() == '^';
  const bool to_end = pattern.back() == '$';
  if (from_start) pattern.remove_prefix(1);
  if (to_end && !pattern.empty()) pattern.remove_suffix(1);
  std::string whole(from_start ? "" : "*");
  whole += pattern;
  if (!to_end) whole += '*';
  return matches_whole(whole, text);
}

bool matches(std::string_view pattern, const Site& site) {
  return std::ranges::any_of(site.frames, [&](const Frame& frame) {
    return !frame.is_plumbing && (matches(pattern, frame.function) || matches(pattern, frame.file) ||
                                  matches(pattern, frame.module));
  });
}

Result<Bound> parse_bound(std::string_view text) {
  const std::size_t at = text.rfind("<=");
  const std::string_view pattern =
      at == std::string_view::npos ? std::string_view() : trimmed(text.substr(0, at));
  if (pattern.empty())
    return Error{"'" + std::string(text) + "' is no bound", "write it as 'function <= 64MiB'"};
  const auto bytes = base::parse_bytes(trimmed(text.substr(at + 2)));
  if (!bytes) return bytes.error();
  return Bound{std::string(pattern), static_cast<double>(*bytes)};
}

}  // namespace holdfast::diagnose
