#include "accepted.h"

#include <CLI/CLI.hpp>
#include <ctime>
#include <iterator>

#include "base/files.h"

namespace holdfast::tool {
namespace {

constexpr std::size_t kLargestFile = 16 << 20;

// "2026-12-31", by the clock of whoever reads it.
std::string today() {
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  ::localtime_r(&now, &local);
  char text[16];
  std::strftime(text, sizeof text, "%Y-%m-%d", &local);
  return text;
}

}  // namespace

void Accepted::add_flags(CLI::App& app) {
  app.add_option("--suppressions", suppression_files_,
                 "Findings that are known and accepted [none]: LeakSanitizer's lines leak:pattern, or JSON; "
                 "may be repeated")
      ->type_name("FILE")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  app.add_option("--baseline", baseline_file_,
                 "Fail only on what is new or worse than this file of `holdfast baseline` [none]")
      ->type_name("FILE");
}

Result<void> Accepted::load() {
  for (const std::string& name : suppression_files_) {
    const auto text = base::read_file(name, kLargestFile);
    if (!text) return text.error();
    auto parsed = diagnose::parse_suppressions(*text, name);
    if (!parsed) return parsed.error();
    suppressions_.insert(suppressions_.end(), parsed->begin(), parsed->end());
  }
  if (baseline_file_.empty()) return {};
  const auto text = base::read_file(baseline_file_, kLargestFile);
  if (!text) return text.error();
  auto parsed = diagnose::parse_baseline(*text, baseline_file_);
  if (!parsed) return parsed.error();
  baseline_ = std::move(*parsed);
  return {};
}

void Accepted::apply(diagnose::Diagnosis& diagnosis) const {
  diagnose::suppress(diagnosis, suppressions_, today());
  if (baseline_) diagnose::compare_with(*baseline_, diagnosis);
}

}  // namespace holdfast::tool
