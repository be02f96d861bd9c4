#include "held.h"

#include <algorithm>
#include <chrono>
#include <cstdio>

#include "chains/dump.h"
#include "chains/explain.h"

namespace holdfast::tool {
namespace {

constexpr std::size_t kMostAsked = 5;

std::string target_of(const diagnose::Site& site, const HeldOptions& options) {
  std::string target = "/debug/holdfast/holders?examine=" + std::to_string(options.examine) +
                       "&seconds=" + std::to_string(options.seconds) + "&memory=" + options.memory + "&site=";
  for (std::size_t i = 0; i < site.stack_keys.size(); ++i) {
    char digits[24];
    std::snprintf(digits, sizeof digits, "%s%llx", i == 0 ? "" : ",",
                  static_cast<unsigned long long>(site.stack_keys[i]));
    target += digits;
  }
  return target;
}

std::string fact_of(const diagnose::Holders& holders) {
  if (holders.chains.empty()) return "held by: not known";
  const diagnose::HolderChain& chain = holders.chains.front();
  return "held by: " + diagnose::one_line(chain) + "   (" + std::to_string(chain.count) + " of " +
         std::to_string(holders.examined) + " examined" + (chain.is_guess ? ", low confidence)" : ")");
}

}  // namespace

Result<diagnose::Holders> holders_of(const std::string& source, const diagnose::Site& site,
                                     const HeldOptions& options, const fetch::FetchOptions& fetch) {
  if (site.stack_keys.empty())
    return Error{site.name() + " holds nothing now", "name a site with bytes in use"};
  fetch::FetchOptions patient = fetch;
  patient.timeout += std::chrono::seconds(options.seconds);
  const Result<std::string> bytes = fetch::post(source, target_of(site, options), patient);
  if (!bytes) return bytes.error();
  const Result<chains::Dump> dump = chains::decode_dump(*bytes);
  if (!dump) return dump.error();
  return chains::explain(*dump, options.folders);
}

void add_holders(diagnose::Diagnosis& diagnosis, const std::string& source,
                 const fetch::FetchOptions& fetch) {
  if (!fetch::is_server(source)) return;
  std::size_t asked = 0;
  for (diagnose::Finding& finding : diagnosis.findings) {
    if (finding.grade != diagnose::Grade::leak || asked == kMostAsked) continue;
    ++asked;
    auto holders = holders_of(source, finding.site, {.examine = 300}, fetch);
    if (holders) {
      finding.facts.push_back(fact_of(*holders));
      finding.holders = std::move(*holders);
    } else {
      diagnosis.notes.push_back("who holds " + finding.site.name() +
                                " is not known: " + holders.error().what);
    }
  }
}

}  // namespace holdfast::tool
