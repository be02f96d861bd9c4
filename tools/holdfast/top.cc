// `holdfast top SOURCE`: the table of sites.
#include <CLI/CLI.hpp>
#include <map>
#include <memory>
#include <string>

#include "command.h"
#include "diagnose/site.h"
#include "outputs.h"
#include "reports/text.h"
#include "sources.h"

namespace holdfast::tool {
namespace {

const std::map<std::string, reports::Column> kColumns = {{"inuse_space", reports::Column::inuse_space},
                                                         {"inuse_objects", reports::Column::inuse_objects},
                                                         {"alloc_space", reports::Column::alloc_space},
                                                         {"alloc_objects", reports::Column::alloc_objects},
                                                         {"unfreed", reports::Column::unfreed}};

struct TopFlags {
  std::string source;
  reports::Column by = reports::Column::inuse_space;
  std::size_t limit = 20;
  bool cumulative = false;
  Outputs outputs;
  SourceOptions fetch;
};

Result<int> top(TopFlags& flags) {
  if (auto opened = flags.outputs.open(); !opened) return opened.error();
  const auto profile = load_profile(flags.source, flags.fetch);
  if (!profile) return profile.error();
  const double uptime = profile->history ? static_cast<double>(profile->history->uptime_ns) / 1e9 : 0;
  auto written = flags.outputs.write([&](const std::string&) -> Result<std::string> {
    return reports::render_top(diagnose::sites_of(*profile, diagnose::Grouping::function), flags.by,
                               flags.limit, flags.cumulative, uptime);
  });
  if (!written) return written.error();
  return kExitClean;
}

}  // namespace

Command add_top(CLI::App& root) {
  auto flags = std::make_shared<TopFlags>();
  CLI::App* app = root.add_subcommand("top", "Show the sites that hold or allocate most");
  app->add_option("SOURCE", flags->source, kSourceHelp)->required()->type_name("");
  app->add_option("--by", flags->by,
                  "What to order by [inuse_space]; unfreed is the share of bytes still in use")
      ->transform(CLI::CheckedTransformer(kColumns).description(""))
      ->type_name("inuse_space|inuse_objects|alloc_space|alloc_objects|unfreed");
  app->add_option("-n", flags->limit, "Rows shown [20]")->type_name("N");
  app->add_flag("--cum", flags->cumulative, "One row per function, with all that was allocated below it");
  flags->outputs.add_flags(*app, {"text"});
  add_source_flags(*app, flags->fetch);
  return {app, [flags] { return top(*flags); }};
}

}  // namespace holdfast::tool
