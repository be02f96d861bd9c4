// `holdfast baseline SNAPSHOT...`: what a program keeps today, for check and ci to compare with.
#include "diagnose/baseline.h"

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "base/files.h"
#include "check_policy.h"
#include "command.h"
#include "diagnose/judge.h"
#include "sources.h"

namespace holdfast::tool {
namespace {

struct BaselineFlags {
  std::vector<std::string> sources;
  std::string output = "-";
  PolicyFlags policy;
  fetch::FetchOptions fetch;
};

Result<int> baseline(BaselineFlags& flags) {
  const auto policy = flags.policy.policy();
  if (!policy) return policy.error();
  auto file = base::OutputFile::open(flags.output);
  if (!file) return file.error();
  std::vector<profile::Profile> series;
  for (const std::string& source : flags.sources) {
    auto profile = load_profile(source, flags.fetch);
    if (!profile) return profile.error();
    series.push_back(std::move(*profile));
  }
  const diagnose::Diagnosis diagnosis = diagnose::judge(series, *policy);
  if (diagnosis.inconclusive)
    return Error{flags.sources.back() + " has too little to judge, or carries no ages",
                 "take a snapshot from Holdfast's endpoint, after more time"};
  if (auto written = file->write(encode(diagnose::make_baseline(diagnosis))); !written)
    return written.error();
  if (auto kept = file->commit(); !kept) return kept.error();
  return kExitClean;
}

}  // namespace

Command add_baseline(CLI::App& root) {
  auto flags = std::make_shared<BaselineFlags>();
  CLI::App* app =
      root.add_subcommand("baseline", "Write down what leaks today, for check and ci to compare with");
  app->add_option("SNAPSHOT", flags->sources,
                  std::string("One snapshot, or a series of one process: ") + kSourceHelp)
      ->required()
      ->type_name("");
  app->add_option("-o,--output", flags->output, "Where it goes [-, standard output]")->type_name("FILE");
  flags->policy.add_flags(*app);
  add_source_flags(*app, flags->fetch);
  return {app, [flags] { return baseline(*flags); }};
}

}  // namespace holdfast::tool
