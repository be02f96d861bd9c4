#include "check_policy.h"

#include <CLI/CLI.hpp>
#include <chrono>
#include <string_view>

#include "base/units.h"

namespace holdfast::tool {
namespace {

Result<double> seconds(const std::string& text) {
  const auto parsed = base::parse_duration(text);
  if (!parsed) return parsed.error();
  return std::chrono::duration<double>(*parsed).count();
}

}  // namespace

void PolicyFlags::add_flags(CLI::App& app) {
  app.add_option("--budget", budget_,
                 "What one site may keep per hour and still be clean [250kB/h]; raise it for services that "
                 "are restarted often")
      ->type_name("SIZE/h");
  app.add_option("--warm-up", warm_up_,
                 "Allocations before it are no trend [a tenth of the uptime, at most 15min]; raise it for "
                 "slow starts")
      ->type_name("DURATION");
  app.add_option("--limit", limit_,
                 "Memory this process may use: the verdict then says when a leak reaches it")
      ->type_name("SIZE");
  app.add_option("--bound", bounds_,
                 "A declared bound, 'function <= 64MiB': below it its sites are no leak, above it exit 1; "
                 "for caches that "
                 "are still filling. * stands for anything")
      ->type_name("BOUND")
      ->allow_extra_args(false);
}

Result<diagnose::Policy> PolicyFlags::policy() const {
  diagnose::Policy result;
  if (!budget_.empty()) {
    std::string_view text = budget_;
    if (text.ends_with("/h")) text.remove_suffix(2);
    const auto bytes = base::parse_bytes(text);
    if (!bytes) return bytes.error();
    result.budget_bytes_per_hour = static_cast<double>(*bytes);
  }
  if (!warm_up_.empty()) {
    const auto parsed = seconds(warm_up_);
    if (!parsed) return parsed.error();
    result.warm_up_seconds = *parsed;
  }
  if (!limit_.empty()) {
    const auto bytes = base::parse_bytes(limit_);
    if (!bytes) return bytes.error();
    result.limit_bytes = static_cast<double>(*bytes);
  }
  for (const std::string& text : bounds_) {
    auto bound = diagnose::parse_bound(text);
    if (!bound) return bound.error();
    result.bounds.push_back(std::move(bound).value());
  }
  return result;
}

}  // namespace holdfast::tool
