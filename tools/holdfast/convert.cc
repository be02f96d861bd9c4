// `holdfast convert SOURCE`: the same profile in another format.
#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "base/files.h"
#include "command.h"
#include "profile/collapsed.h"
#include "profile/jemalloc_text.h"
#include "profile/legacy_text.h"
#include "profile/pprof.h"
#include "sources.h"

namespace holdfast::tool {
namespace {

struct ConvertFlags {
  std::string source, to, type = "inuse_space", output = "-";
  fetch::FetchOptions fetch;
};

// By the file's name, unless it was said.
std::string format_of(const ConvertFlags& flags) {
  if (!flags.to.empty()) return flags.to;
  if (flags.output.ends_with(".folded") || flags.output.ends_with(".collapsed")) return "collapsed";
  if (flags.output.ends_with(".txt") || flags.output.ends_with(".heap")) return "legacy";
  return "pprof";
}

Result<std::string> encode(const profile::Profile& profile, const ConvertFlags& flags) {
  const std::string format = format_of(flags);
  if (format == "legacy") return profile::encode_legacy_text(profile);
  if (format == "jemalloc") return profile::encode_jemalloc_text(profile);
  if (format == "collapsed") return profile::encode_collapsed(profile, flags.type);
  return profile::encode_pprof(profile);
}

Result<int> convert(ConvertFlags& flags) {
  auto file = base::OutputFile::open(flags.output);
  if (!file) return file.error();
  const auto profile = load_profile(flags.source, flags.fetch);
  if (!profile) return profile.error();
  const auto text = encode(*profile, flags);
  if (!text) return text.error();
  if (auto written = file->write(*text); !written) return written.error();
  if (auto kept = file->commit(); !kept) return kept.error();
  return kExitClean;
}

}  // namespace

Command add_convert(CLI::App& root) {
  auto flags = std::make_shared<ConvertFlags>();
  CLI::App* app = root.add_subcommand("convert", "Write a profile in another format");
  app->add_option("SOURCE", flags->source, std::string("pprof, legacy text or jemalloc's: ") + kSourceHelp)
      ->required()
      ->type_name("");
  app->add_option(
         "--to", flags->to,
         "The format [by the name of -o: .folded collapsed, .txt legacy, else pprof]; only pprof keeps "
         "names, labels and ages")
      ->check(CLI::IsMember({"pprof", "legacy", "jemalloc", "collapsed"}))
      ->type_name("pprof|legacy|jemalloc|collapsed");
  app->add_option("--type", flags->type, "Which values, for collapsed stacks [inuse_space]")
      ->type_name("TYPE");
  app->add_option("-o,--output", flags->output, "Where it goes [-, standard output]")->type_name("FILE");
  add_source_flags(*app, flags->fetch);
  return {app, [flags] { return convert(*flags); }};
}

}  // namespace holdfast::tool
