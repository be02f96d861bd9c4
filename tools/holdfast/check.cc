// `holdfast check SNAPSHOT...`: the verdict on one snapshot or a series.
#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "accepted.h"
#include "check_policy.h"
#include "command.h"
#include "diagnose/judge.h"
#include "held.h"
#include "sources.h"
#include "verdict.h"

namespace holdfast::tool {
namespace {

struct CheckFlags {
  std::vector<std::string> sources;
  PolicyFlags policy;
  Accepted accepted;
  VerdictOutput output;
  SourceOptions fetch;
};

Result<int> check(CheckFlags& flags) {
  const auto policy = flags.policy.policy();
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
  if (flags.output.wants_holders()) add_holders(diagnosis, flags.sources.back(), flags.fetch);
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
  flags->policy.add_flags(*app);
  flags->accepted.add_flags(*app);
  flags->output.add_flags(*app);
  add_source_flags(*app, flags->fetch);
  return {app, [flags] { return check(*flags); }};
}

}  // namespace holdfast::tool
