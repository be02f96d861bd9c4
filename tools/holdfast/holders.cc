// `holdfast holders URL`: who holds the live blocks of a site.
#include "reports/holders.h"

#include <CLI/CLI.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/units.h"
#include "command.h"
#include "held.h"
#include "outputs.h"
#include "profile/pprof.h"
#include "sources.h"

namespace holdfast::tool {
namespace {

struct HoldersFlags {
  std::string source, site;
  std::size_t top = 3;
  HeldOptions held;
  Outputs outputs;
  fetch::FetchOptions fetch;
};

// By the beginning of the fingerprint, or a part of a frame's name.
bool is_meant(const diagnose::Site& site, const std::string& words) {
  if (site.fingerprint.starts_with(words)) return true;
  for (const diagnose::Frame& frame : site.frames) {
    if (!frame.is_plumbing && frame.function.find(words) != std::string::npos) return true;
  }
  return false;
}

Result<std::vector<diagnose::Site>> choose(const HoldersFlags& flags, const profile::Profile& profile) {
  std::vector<diagnose::Site> chosen;
  for (diagnose::Site& site : diagnose::sites_of(profile)) {
    if (site.stack_keys.empty() || (!flags.site.empty() && !is_meant(site, flags.site))) continue;
    if (chosen.size() < flags.top) chosen.push_back(std::move(site));
  }
  if (!chosen.empty()) return chosen;
  if (flags.site.empty())
    return Error{"the program holds nothing that was recorded", "ask again when it has worked"};
  return Error{"no site with bytes in use is called " + flags.site, "holdfast top shows the sites"};
}

Result<int> holders(HoldersFlags& flags) {
  if (!fetch::is_server(flags.source)) {
    return Error{flags.source + " is no running program",
                 "a chain is looked for in live memory: name host:port or unix:/path"};
  }
  if (auto opened = flags.outputs.open(); !opened) return opened.error();
  const auto profile = load_profile(flags.source, flags.fetch);
  if (!profile) return profile.error();
  const auto sites = choose(flags, *profile);
  if (!sites) return sites.error();
  std::vector<reports::HeldSite> held;
  std::optional<Error> first_error;
  for (const diagnose::Site& site : *sites) {
    auto found = holders_of(flags.source, site, flags.held, flags.fetch);
    // Of several sites, one may have been freed since the profile.
    if (!found && !first_error) first_error = found.error();
    if (found) held.push_back({site, std::move(*found)});
  }
  if (held.empty()) return *first_error;
  auto written = flags.outputs.write([&](const std::string& format) -> Result<std::string> {
    if (format == "json") return reports::render_holders_json(held, flags.source);
    if (format == "mermaid") return reports::render_holders_mermaid(held);
    if (format == "pprof") return profile::encode_pprof(reports::holders_profile(held));
    return reports::render_holders_text(held);
  });
  if (!written) return written.error();
  return kExitClean;
}

}  // namespace

Command add_holders_command(CLI::App& root) {
  auto flags = std::make_shared<HoldersFlags>();
  CLI::App* app = root.add_subcommand("holders", "Show who holds a site's live blocks, from a named root on");
  app->add_option("URL", flags->source,
                  "Endpoint of the running program: host:port, http(s)://host:port or unix:/path")
      ->required()
      ->type_name("");
  app->add_option(
         "--site", flags->site,
         "Beginning of a site's fingerprint, as check and top show it, or a part of a function's name [the "
         "sites that hold most]")
      ->type_name("ID");
  app->add_option("--top", flags->top, "Sites to ask about [3], those that hold most first")
      ->check(CLI::Range(1, 20))
      ->type_name("N");
  app->add_option("--examine", flags->held.examine,
                  "Live blocks of a site to look at [1000]; fewer is quicker")
      ->check(CLI::Range(1, 4000))
      ->type_name("N");
  app->add_option("--seconds", flags->held.seconds,
                  "Longest search for one site [60]; longer for heaps of many GB")
      ->check(CLI::Range(1, 600))
      ->type_name("N");
  app->add_option(
         "--memory", flags->held.memory,
         "What a search may use inside the program [128MiB]; more where chains are cut for want of it")
      ->type_name("SIZE");
  app->add_option(
         "--files", flags->held.folders,
         "Folder with the program's files, found by name and build id; for programs that run in a container "
         "or on another machine")
      ->type_name("DIR");
  flags->outputs.add_flags(*app, {"text", "json", "mermaid", "pprof"});
  add_source_flags(*app, flags->fetch);
  return {app, [flags] { return holders(*flags); }};
}

}  // namespace holdfast::tool
