#include "chains/explain.h"

#include <algorithm>
#include <functional>
#include <map>

#include "chains/naming.h"
#include "chains/program.h"

namespace holdfast::chains {
namespace {

diagnose::RootKind kind_of(const Chain& chain) {
  if (chain.end == "cycle") return diagnose::RootKind::cycle;
  if (chain.end == "lost") return diagnose::RootKind::nothing;
  if (chain.end == "cut" || chain.end == "changed" || !chain.root) return diagnose::RootKind::unfinished;
  if (chain.root->kind == "global") return diagnose::RootKind::global;
  if (chain.root->kind == "thread_local") return diagnose::RootKind::thread_local_variable;
  if (chain.root->kind == "stack") return diagnose::RootKind::stack;
  return diagnose::RootKind::memory;
}

diagnose::HolderChain named(const Chain& chain, const Naming& naming) {
  diagnose::HolderChain out;
  out.kind = kind_of(chain);
  out.count = chain.count;
  if (out.kind == diagnose::RootKind::nothing || out.kind == diagnose::RootKind::unfinished) return out;
  if (chain.root) out.root = naming.root(*chain.root);
  out.is_guess = out.kind == diagnose::RootKind::memory;
  for (std::size_t i = 0; i < chain.links.size(); ++i) {
    const Link& link = chain.links[i];
    out.steps.push_back({naming.block(link, i + 1 == chain.links.size()), naming.allocated_in(link),
                         link.size, link.offset, link.repeat > 1, link.is_guess, link.start});
    out.is_guess = out.is_guess || link.is_guess;
  }
  return out;
}

// What two chains must have in common to be told as one; sizes and addresses differ within a site.
std::string key_of(const diagnose::HolderChain& chain) {
  std::string key = std::string(diagnose::name(chain.kind)) + "\n" + chain.root;
  for (const diagnose::HolderStep& step : chain.steps) key += "\n" + step.what + "\t" + step.allocated_in;
  return key;
}

}  // namespace

diagnose::Holders explain(const Dump& dump, const std::vector<std::string>& folders) {
  diagnose::Holders out;
  out.live_blocks = dump.live_blocks;
  out.live_bytes = dump.live_bytes;
  out.examined = dump.examined;
  out.way = dump.way;
  out.is_exact = dump.is_exact;
  out.scanned_bytes = dump.scanned_bytes;
  out.passes = dump.passes;
  out.cpu_ms = dump.cpu_ms;
  out.wall_ms = dump.wall_ms;
  out.blocks_followed = dump.blocks_followed;
  out.own_bytes = dump.own_bytes;
  if (dump.cut_by_memory)
    out.notes.push_back("the search's memory was full before every holder was found: raise --memory");
  if (dump.cut_by_time)
    out.notes.push_back("the search ran out of time before every holder was found: raise --seconds");
  if (!dump.knows_heap) {
    out.notes.push_back(
        "the program samples, and this allocator's blocks are not known: a chain ends at the first of them, so count every "
        "allocation (exact mode) to see on");
  }
  if (dump.knows_heap && !dump.is_exact && !dump.walk_is_complete) {
    out.notes.push_back("a walk of the heap lost its way while the program allocated: some holders may be missing, ask again");
  }
  const Program program(dump.modules, folders);
  const Naming naming(dump, program);
  std::map<std::string, std::size_t> known;
  for (const Chain& chain : dump.chains) {
    diagnose::HolderChain fresh = named(chain, naming);
    const auto [at, is_new] = known.try_emplace(key_of(fresh), out.chains.size());
    if (is_new) {
      out.chains.push_back(std::move(fresh));
    } else {
      diagnose::HolderChain& alike = out.chains[at->second];
      alike.count += fresh.count;
      for (std::size_t i = 0; i < alike.steps.size(); ++i)
        alike.steps[i].is_list = alike.steps[i].is_list || fresh.steps[i].is_list;
    }
  }
  std::ranges::stable_sort(out.chains, std::greater{}, &diagnose::HolderChain::count);
  return out;
}

}  // namespace holdfast::chains
