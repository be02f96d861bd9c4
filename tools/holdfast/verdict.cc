#include "verdict.h"

#include <CLI/CLI.hpp>

#include "command.h"
#include "diagnose/kept_profile.h"
#include "profile/delta.h"
#include "profile/pprof.h"
#include "reports/json.h"
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

void VerdictOutput::add_flags(CLI::App& app) {
  app.add_flag("--all", all_, "Show every site judged, not only those that may leak or hold much");
  app.add_option("--inconclusive", inconclusive_,
                 "What too little data, or no more than a suspect, means [fail: exit 3]; warn: exit 0")
      ->check(CLI::IsMember({"fail", "warn"}))
      ->type_name("fail|warn");
  outputs_.add_flags(app, {"text", "json", "pprof"});
}

Result<int> VerdictOutput::write(const diagnose::Diagnosis& diagnosis,
                                 const std::vector<std::string>& sources, const profile::Profile& first,
                                 const profile::Profile& last) {
  auto written = outputs_.write([&](const std::string& format) -> Result<std::string> {
    if (format == "json") return reports::render_json(diagnosis, sources);
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
