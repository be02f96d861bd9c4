// Who holds the blocks of sites, for people, programs, diagrams and flame graphs. Pure: values in, text out;
// any thread; allocates. The JSON is described in docs/holders.md.
#pragma once

#include <string>
#include <vector>

#include "diagnose/holder.h"
#include "diagnose/site.h"

namespace holdfast::reports {

struct HeldSite {
  diagnose::Site site;
  diagnose::Holders holders;
};

// At most `chains` of each site.
std::string render_holders_text(const std::vector<HeldSite>& sites, std::size_t chains = 3);
std::string render_holders_json(const std::vector<HeldSite>& sites, const std::string& source);
// A flow chart of each site's most frequent chain: request, block, who holds it, and so on to the root.
std::string render_holders_mermaid(const std::vector<HeldSite>& sites);
// A profile whose stacks are the chains, the root at the bottom: bytes and objects by holder.
profile::Profile holders_profile(const std::vector<HeldSite>& sites);

// The chain as indented lines, each beginning with `indent`.
std::string chain_text(const diagnose::HolderChain& chain, const std::string& indent);

}  // namespace holdfast::reports
