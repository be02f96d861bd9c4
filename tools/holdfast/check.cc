// `holdfast check SNAPSHOT...`: the verdict on one snapshot or a series.
#include <CLI/CLI.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "accepted.h"
#include "base/units.h"
#include "command.h"
#include "diagnose/judge.h"
#include "sources.h"
#include "verdict.h"

namespace holdfast::tool {
namespace {

struct CheckFlags {
  std::vector<std::string> sources;
  std::string budget, warm_up, limit;
  std::vector<std::string> bounds;
  Accepted accepted;
  VerdictOutput output;
  fetch::FetchOptions fetch;
};

Result<double> seconds(const std::string& text) {
  const auto parsed = base::parse_duration(text);
  if (!parsed) return parsed.error();
  return std::chrono::duration<double>(*parsed).count();
}

Result<diagnose::Policy> policy_of(const CheckFlags& flags) {
  diagnose::Policy policy;
  if (!flags.budget.empty()) {
    std::string_view text = flags.budget;
    if (text.ends_with("/h")) text.remove_suffix(2);
    const auto bytes = base::parse_bytes(text);
    if (!bytes) return bytes.error();
    policy.budget_bytes_per_hour = static_cast<double>(*bytes);
  }
  if (!flags.warm_up.empty()) {
    const auto parsed = seconds(flags.warm_up);
    if (!parsed) return parsed.error();
    policy.warm_up_seconds = *parsed;
  }
  if (!flags.limit.empty()) {
    const auto bytes = base::parse_bytes(flags.limit);
    if (!bytes) return bytes.error();
    policy.limit_bytes = static_cast<double>(*bytes);
  }
  for (const std::string& text : flags.bounds) {
    auto bound = diagnose::parse_bound(text);
    if (!bound) return bound.error();
    policy.bounds.push_back(std::move(bound).value());
  }
  return policy;
}

Result<int> check(CheckFlags& flags) {
  const auto policy = policy_of(flags);
  if (!policy) return policy.error();
  if (auto loaded = flags.accepted.load(); !loaded) return loaded.error();
  if (auto opened = flags.output.open(); !opened) return opened.error();
  std::vector<profile::Profile> series;
  for (const std::string& source : flags.sources) {
    auto profile = load_profile(source, flags.fetch);
    if (!profile) return profile.error();
    series.push_back(std::move(profile).value());
  }
  diagnose::Diagnosis diagnosis = diagnose::judge(series, *policy);
  flags.accepted.apply(diagnosis);
  return flags.output.write(diagnosis, flags.sources, series.front(), series.back());
}

}  // namespace

Command add_check(CLI::App& root) {
  auto flags = std::make_shared<CheckFlags>();
  CLI::App* app = root.add_subcommand("check", "Tell which sites leak, and how sure that is");
  app->add_option(
         "SNAPSHOT", flags->sources,
         std::string("One snapshot, or a series of one process, oldest first; the last is judged. Each: ") +
             kSourceHelp)
      ->required()
      ->type_name("");
  app->add_option("--budget", flags->budget,
                  "What one site may keep per hour and still be clean [250kB/h]; raise it for services that "
                  "are restarted often")
      ->type_name("SIZE/h");
  app->add_option("--warm-up", flags->warm_up,
                  "Allocations before it are no trend [a tenth of the uptime, at most 15min]; raise it for "
                  "slow starts")
      ->type_name("DURATION");
  app->add_option("--limit", flags->limit,
                  "Memory this process may use: the verdict then says when a leak reaches it")
      ->type_name("SIZE");
  app->add_option("--bound", flags->bounds,
                  "A declared bound, 'function <= 64MiB': below it its sites are no leak, above it exit 1; "
                  "for caches that "
                  "are still filling. * stands for anything")
      ->type_name("BOUND")
      ->allow_extra_args(false);
  flags->accepted.add_flags(*app);
  flags->output.add_flags(*app);
  add_source_flags(*app, flags->fetch);
  return {app, [flags] { return check(*flags); }};
}

}  // namespace holdfast::tool
