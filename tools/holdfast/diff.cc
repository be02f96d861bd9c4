// `holdfast diff BASE CURRENT`: what was born and what died in between.
#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "command.h"
#include "diagnose/compare.h"
#include "outputs.h"
#include "reports/json.h"
#include "reports/text.h"
#include "sources.h"

namespace holdfast::tool {
namespace {

struct DiffFlags {
  std::string base, current;
  std::size_t limit = 20;
  Outputs outputs;
  fetch::FetchOptions fetch;
};

Result<int> diff(DiffFlags& flags) {
  if (auto opened = flags.outputs.open(); !opened) return opened.error();
  const auto base = load_profile(flags.base, flags.fetch);
  if (!base) return base.error();
  const auto current = load_profile(flags.current, flags.fetch);
  if (!current) return current.error();
  const diagnose::Comparison comparison = diagnose::compare(*base, *current);
  auto written = flags.outputs.write([&](const std::string& format) -> Result<std::string> {
    if (format == "json") return reports::render_json(comparison, {flags.base, flags.current});
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
  flags->outputs.add_flags(*app, {"text", "json"});
  add_source_flags(*app, flags->fetch);
  return {app, [flags] { return diff(*flags); }};
}

}  // namespace holdfast::tool
