// `holdfast get SOURCE`: one snapshot, checked, saved as it came.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <ctime>
#include <memory>
#include <string>

#include "base/files.h"
#include "base/units.h"
#include "command.h"
#include "fetch/fetch.h"
#include "profile/legacy_text.h"
#include "sources.h"

namespace holdfast::tool {
namespace {

struct GetFlags {
  std::string source;
  std::string output;
  fetch::FetchOptions fetch;
};

// ".pb.gz", ".pb", or ".txt" for the formats that are text.
std::string extension_of(const std::string& bytes) {
  if (bytes.starts_with("\x1f\x8b")) return ".pb.gz";
  return profile::is_legacy_text(bytes) || bytes.starts_with("heap_v2/") ? ".txt" : ".pb";
}

// "heap.20240131-235959.pb.gz", in local time, as people look for files by their own clock.
std::string default_name(const std::string& extension) {
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  ::localtime_r(&now, &local);
  char name[64];
  std::strftime(name, sizeof name, "heap.%Y%m%d-%H%M%S", &local);
  return name + extension;
}

double total(const profile::Profile& profile, const char* type) {
  const int index = profile::value_index(profile, type);
  double sum = 0;
  if (index < 0) return sum;
  for (const profile::Sample& sample : profile.samples) {
    sum += static_cast<double>(sample.values[static_cast<std::size_t>(index)]);
  }
  return sum;
}

std::string summary(const profile::Profile& profile) {
  std::string line = base::format_count(static_cast<std::int64_t>(profile.samples.size())) + " sites, " +
                     base::format_bytes(total(profile, "inuse_space")) + " in use";
  if (profile.history) {
    line += " after " + base::format_duration(std::chrono::nanoseconds{profile.history->uptime_ns});
  }
  if (profile.period == 1) return line + ", every allocation counted";
  if (profile.period > 1)
    line += ", one sample per " + base::format_bytes(static_cast<double>(profile.period));
  return line;
}

Result<int> get(const GetFlags& flags) {
  auto file = base::OutputFile::open(flags.output.empty() ? default_name(".pb.gz") : flags.output);
  if (!file) return file.error();
  const auto bytes = fetch::fetch(flags.source, flags.fetch);
  if (!bytes) return bytes.error();
  const auto profile = decode_profile(flags.source, *bytes);
  if (!profile) return profile.error();
  // Only now it is known what came; a name that the user chose stays.
  if (flags.output.empty() && extension_of(*bytes) != ".pb.gz") {
    file = base::OutputFile::open(default_name(extension_of(*bytes)));
    if (!file) return file.error();
  }
  if (auto written = file->write(*bytes); !written) return written.error();
  if (auto kept = file->commit(); !kept) return kept.error();
  std::fprintf(stderr, "%s: %s\n", file->path().c_str(), summary(*profile).c_str());
  return kExitClean;
}

}  // namespace

Command add_get(CLI::App& root) {
  auto flags = std::make_shared<GetFlags>();
  CLI::App* app = root.add_subcommand("get", "Save one snapshot, checked to be a heap profile");
  app->add_option("SOURCE", flags->source, kSourceHelp)->required()->type_name("");
  app->add_option("-o,--output", flags->output,
                  "Where to save it [heap.<date>-<time>.pb.gz here, .txt where text came]; - for standard "
                  "output, into a pipe")
      ->type_name("FILE");
  add_source_flags(*app, flags->fetch);
  return {app, [flags] { return get(*flags); }};
}

}  // namespace holdfast::tool
