// `holdfast diff BASE CURRENT`: what was born and what died in between.
#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "command.h"
#include "diagnose/compare.h"
#include "outputs.h"
#include "profile/delta.h"
#include "profile/pprof.h"
#include "reports/github.h"
#include "reports/json.h"
#include "reports/junit.h"
#include "reports/markdown.h"
#include "reports/sarif.h"
#include "reports/text.h"
#include "sources.h"
#include "verdict.h"

namespace holdfast::tool {
namespace {

struct DiffFlags {
  std::string base, current, source_root;
  std::size_t limit = 20;
  Outputs outputs;
  SourceOptions fetch;
};

Result<std::string> growth(const diagnose::Comparison& comparison, const profile::Profile& base,
                           const profile::Profile& current) {
  if (comparison.basis == diagnose::Basis::rates) {
    return Error{"two processes have no common addresses, which growth as a profile goes by",
                 "compare them with: go tool pprof -base BASE CURRENT"};
  }
  const auto grown = profile::delta(base, current);
  if (!grown) return grown.error();
  return profile::encode_pprof(*grown);
}

Result<int> diff(DiffFlags& flags) {
  if (auto opened = flags.outputs.open(); !opened) return opened.error();
  const auto base = load_profile(flags.base, flags.fetch);
  if (!base) return base.error();
  const auto current = load_profile(flags.current, flags.fetch);
  if (!current) return current.error();
  const diagnose::Comparison comparison = diagnose::compare(*base, *current);
  const reports::Context context{.name = flags.current,
                                 .sources = {flags.base, flags.current},
                                 .source_root = flags.source_root,
                                 .version = HOLDFAST_VERSION};
  auto written = flags.outputs.write([&](const std::string& format) -> Result<std::string> {
    if (format == "json") return reports::render_json(comparison, context.sources);
    if (format == "markdown") return reports::render_markdown(comparison, context, flags.limit);
    if (format == "junit") return reports::render_junit(comparison, context);
    if (format == "sarif") return reports::render_sarif(comparison, context);
    if (format == "pprof") return growth(comparison, *base, *current);
    if (format == "github") {
      if (auto kept = append_step_summary(reports::render_markdown(comparison, context, flags.limit)); !kept)
        return kept.error();
      return reports::render_github(comparison, context);
    }
    return reports::render_text(comparison, flags.limit);
  });
  if (!written) return written.error();
  return kExitClean;
}

}  // namespace

Command add_diff(CLI::App& root) {
  auto flags = std::make_shared<DiffFlags>();
  CLI::App* app =
      root.add_subcommand("diff", "Compare two snapshots: births and deaths apart, growth with its interval");
  app->add_option("BASE", flags->base, std::string("The earlier snapshot: ") + kSourceHelp)
      ->required()
      ->type_name("");
  app->add_option("CURRENT", flags->current, "The later snapshot")->required()->type_name("");
  app->add_option("-n", flags->limit, "Sites shown of each sign [20]")->type_name("N");
  add_source_root_flag(*app, flags->source_root);
  flags->outputs.add_flags(*app, {"text", "json", "markdown", "junit", "sarif", "github", "pprof"});
  add_source_flags(*app, flags->fetch);
  return {app, [flags] { return diff(*flags); }};
}

}  // namespace holdfast::tool
