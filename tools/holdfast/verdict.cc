#include "verdict.h"

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "command.h"
#include "diagnose/baseline.h"
#include "diagnose/kept_profile.h"
#include "profile/delta.h"
#include "profile/pprof.h"
#include "reports/github.h"
#include "reports/json.h"
#include "reports/junit.h"
#include "reports/markdown.h"
#include "reports/sarif.h"
#include "reports/text.h"

namespace holdfast::tool {
namespace {

Result<std::string> growth(const diagnose::Diagnosis& d, const profile::Profile& first,
                           const profile::Profile& last) {
  const auto grown =
      &first == &last ? diagnose::kept_since(last, d.warm_up_seconds) : profile::delta(first, last);
  if (!grown) return grown.error();
  return profile::encode_pprof(*grown);
}

}  // namespace

void add_source_root_flag(CLI::App& app, std::string& root) {
  std::error_code ignored;
  root = std::filesystem::current_path(ignored).string();
  app.add_option(
         "--source-root", root,
         "Where the repository's files lie [this directory]: sarif and github name them relative to it")
      ->type_name("DIR");
}

Result<void> append_step_summary(const std::string& markdown) {
  const char* path = std::getenv("GITHUB_STEP_SUMMARY");
  if (path == nullptr || *path == '\0') return {};
  std::ofstream file(path, std::ios::app | std::ios::binary);
  file << reports::github_summary(markdown);
  file.flush();
  if (file) return {};
  return Error{"cannot write the step's summary to " + std::string(path), "unset GITHUB_STEP_SUMMARY"};
}

void VerdictOutput::add_flags(CLI::App& app) {
  app.add_flag("--all", all_, "Show every site judged, not only those that may leak or hold much");
  app.add_flag("--no-holders", no_holders_,
               "Do not ask the running program who holds what leaks: a search of its memory, a second per GB");
  app.add_option("--inconclusive", inconclusive_,
                 "What too little data, or no more than a suspect, means [fail: exit 3]; warn: exit 0")
      ->check(CLI::IsMember({"fail", "warn"}))
      ->type_name("fail|warn");
  app.add_option("--name", name_, "What the report calls it [the source]; one name per scenario in CI")
      ->type_name("NAME");
  add_source_root_flag(app, source_root_);
  outputs_.add_flags(app, {"text", "json", "markdown", "junit", "sarif", "github", "pprof", "baseline"});
}

Result<int> VerdictOutput::write(const diagnose::Diagnosis& diagnosis,
                                 const std::vector<std::string>& sources, const profile::Profile& first,
                                 const profile::Profile& last) {
  const reports::Context context{.name = name_.empty() ? sources.back() : name_,
                                 .sources = sources,
                                 .source_root = source_root_,
                                 .version = HOLDFAST_VERSION,
                                 .fails_when_inconclusive = inconclusive_ == "fail"};
  auto written = outputs_.write([&](const std::string& format) -> Result<std::string> {
    if (format == "json") return reports::render_json(diagnosis, sources);
    if (format == "markdown") return reports::render_markdown(diagnosis, context);
    if (format == "junit") return reports::render_junit(diagnosis, context);
    if (format == "sarif") return reports::render_sarif(diagnosis, context);
    if (format == "github") {
      if (auto kept = append_step_summary(reports::render_markdown(diagnosis, context)); !kept)
        return kept.error();
      return reports::render_github(diagnosis, context);
    }
    if (format == "baseline") return diagnose::encode(diagnose::make_baseline(diagnosis));
    if (format == "pprof") return growth(diagnosis, first, last);
    return reports::render_text(diagnosis, {.show_all = all_});
  });
  if (!written) return written.error();
  switch (diagnosis.outcome()) {
    case diagnose::Outcome::clean:
      return kExitClean;
    case diagnose::Outcome::leak:
      return kExitLeak;
    case diagnose::Outcome::inconclusive:
      break;
  }
  return inconclusive_ == "fail" ? kExitInconclusive : kExitClean;
}

}  // namespace holdfast::tool
