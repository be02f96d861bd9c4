#include "reports/holders.h"

#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "base/units.h"
#include "diagnose/explain.h"
#include "reports/numbers.h"

namespace holdfast::reports {
namespace {

using diagnose::HolderChain;
using diagnose::HolderStep;
using diagnose::RootKind;
using nlohmann::ordered_json;

constexpr const char* kSchema = "holdfast.holders_report/1";
constexpr std::size_t kNoteColumn = 56;

std::string bytes(std::uint64_t n) { return base::format_bytes(static_cast<double>(n)); }
std::string count(std::uint64_t n) { return base::format_count(static_cast<std::int64_t>(n)); }

// What stands where a chain begins.
std::string beginning(const HolderChain& chain) {
  switch (chain.kind) {
    case RootKind::cycle:
      return "unreachable, kept alive only by a reference cycle:";
    case RootKind::nothing:
      return "nothing points at it: its last pointer is gone, or hidden from a search of memory";
    case RootKind::unfinished:
      return "the search ended before a root was found";
    default:
      return chain.root;
  }
}

std::string step_text(const HolderStep& step, bool is_last) {
  std::string text = step.what;
  if (step.is_list) text += " (through others like it)";
  if (is_last) text += " of " + bytes(step.size);
  if (step.is_guess) text += " (its bounds are a guess)";
  return text;
}

std::string with_note(std::string line, const std::string& allocated_in) {
  if (allocated_in.empty()) return line;
  if (line.size() < kNoteColumn) line.resize(kNoteColumn, ' ');
  return line + "  [allocated in " + allocated_in + "]";
}

ordered_json chain_json(const HolderChain& chain, std::uint64_t examined) {
  ordered_json steps = ordered_json::array();
  for (const HolderStep& step : chain.steps) {
    ordered_json j = {{"what", step.what}, {"bytes", step.size}, {"offset", step.offset}};
    if (!step.allocated_in.empty()) j["allocated_in"] = step.allocated_in;
    if (step.is_list) j["list"] = true;
    if (step.is_guess) j["guess"] = true;
    steps.push_back(std::move(j));
  }
  ordered_json j = {{"root_kind", diagnose::name(chain.kind)}, {"root", chain.root}, {"count", chain.count}};
  if (examined > 0) j["share"] = static_cast<double>(chain.count) / static_cast<double>(examined);
  j["low_confidence"] = chain.is_guess;
  j["one_line"] = diagnose::one_line(chain);
  j["steps"] = std::move(steps);
  return j;
}

// Mermaid takes quotes and brackets in labels only as entities.
std::string label(const std::string& text) {
  std::string out;
  for (const char c : printable(text)) {
    switch (c) {
      case '"':
        out += "#quot;";
        break;
      case '<':
        out += "#lt;";
        break;
      case '>':
        out += "#gt;";
        break;
      case '#':
        out += "#35;";
        break;
      case '`':
        break;
      default:
        out += c;
    }
  }
  return "[\"" + out + "\"]";
}

std::string request_label(const diagnose::Site& site) {
  std::string text = "request: ";
  std::vector<std::string> functions;
  for (std::size_t i = site.named_frame; i < site.frames.size() && functions.size() < 2; ++i) {
    if (!site.frames[i].is_plumbing) functions.push_back(site.frames[i].function);
  }
  if (functions.empty()) return text + site.name();
  for (std::size_t i = functions.size(); i-- > 0;) text += functions[i] + (i > 0 ? " calls " : "");
  return text;
}

void add_diagram(const HeldSite& held, std::size_t number, std::string& text) {
  const std::string id = "s" + std::to_string(number);
  const auto node = [&](std::size_t i) { return id + "n" + std::to_string(i); };
  text += "  " + id + label(request_label(held.site));
  if (held.holders.chains.empty()) {
    text += "\n";
    return;
  }
  const HolderChain& chain = held.holders.chains.front();
  std::size_t n = 0;
  text += " -->|allocates| " + node(n);
  if (chain.steps.empty()) {
    text += label("block") + " -->|held by| " + node(n + 1) + label(beginning(chain)) + "\n";
    return;
  }
  for (std::size_t i = chain.steps.size(); i-- > 0;) {
    text += label(step_text(chain.steps[i], i + 1 == chain.steps.size())) + "\n";
    text += "  " + node(n) + " -->|held by| " + node(n + 1);
    ++n;
  }
  text += label(chain.kind == RootKind::cycle ? "itself: a reference cycle" : chain.root) + "\n";
  text += "  " + node(n) + " --> " + node(n + 1) + "([\"never released\"])\n";
}

// Builds a profile function by function.
class ProfileBuilder {
 public:
  ProfileBuilder() {
    profile_.sample_types = {{"inuse_objects", "count"}, {"inuse_space", "bytes"}};
    profile_.default_sample_type = "inuse_space";
    profile_.period_type = {"space", "bytes"};
    profile_.period = 1;
  }
  void add(const std::vector<std::string>& leaf_first, double objects, double bytes_held) {
    profile::Sample sample;
    for (const std::string& name : leaf_first) sample.locations.push_back(location(name));
    sample.values = {std::llround(objects), std::llround(bytes_held)};
    profile_.samples.push_back(std::move(sample));
  }
  profile::Profile take() { return std::move(profile_); }

 private:
  std::uint32_t location(const std::string& name) {
    const auto [at, is_new] =
        locations_.try_emplace(name, static_cast<std::uint32_t>(profile_.locations.size()));
    if (is_new) {
      profile::Location fresh;
      fresh.lines.push_back({static_cast<std::uint32_t>(profile_.functions.size()), 0});
      profile_.functions.push_back({name, name, {}, 0});
      profile_.locations.push_back(std::move(fresh));
    }
    return at->second;
  }

  profile::Profile profile_;
  std::map<std::string, std::uint32_t> locations_;
};

}  // namespace

std::string chain_text(const HolderChain& chain, const std::string& indent) {
  std::string text =
      indent + printable(beginning(chain)) + (chain.is_guess ? "   (low confidence)" : "") + "\n";
  std::string step_indent = indent;
  for (std::size_t i = 0; i < chain.steps.size(); ++i) {
    step_indent += "  ";
    const std::string line =
        step_indent + "-> " + printable(step_text(chain.steps[i], i + 1 == chain.steps.size()));
    text += with_note(line, printable(chain.steps[i].allocated_in)) + "\n";
  }
  return text;
}

std::string render_holders_text(const std::vector<HeldSite>& sites, std::size_t chains) {
  std::string text;
  for (const HeldSite& held : sites) {
    const diagnose::Holders& h = held.holders;
    text += printable(held.site.name()) + "   (" + held.site.fingerprint + ")\n";
    text += "  " + count(h.live_blocks) + (h.is_exact ? "" : " sampled") + " live blocks, " +
            bytes(h.live_bytes) + "\n";
    std::size_t shown = 0;
    for (const HolderChain& chain : h.chains) {
      if (shown++ == chains) {
        text += "  and in " + plural(h.chains.size() - chains, "other way") + "\n";
        break;
      }
      text +=
          "  " + count(chain.count) + " of " + count(h.examined) + " examined blocks are held this way:\n";
      text += chain_text(chain, "  ");
    }
    for (const std::string& note : h.notes) text += "  note: " + printable(note) + "\n";
    text += "  searched " + bytes(h.scanned_bytes) + " in " + count(h.passes) + (h.passes == 1 ? " pass" : " passes") + " and " + count(h.cpu_ms) +
            " ms of CPU; every link was read twice\n\n";
  }
  return text;
}

std::string render_holders_json(const std::vector<HeldSite>& sites, const std::string& source) {
  ordered_json all = ordered_json::array();
  for (const HeldSite& held : sites) {
    const diagnose::Holders& h = held.holders;
    ordered_json chains = ordered_json::array();
    for (const HolderChain& chain : h.chains) chains.push_back(chain_json(chain, h.examined));
    all.push_back({{"site", {{"name", held.site.name()}, {"fingerprint", held.site.fingerprint}}},
                   {"live_blocks", h.live_blocks},
                   {"live_bytes", h.live_bytes},
                   {"examined", h.examined},
                   {"exact", h.is_exact},
                   {"chains", std::move(chains)},
                   {"search",
                    {{"way", h.way},
                     {"scanned_bytes", h.scanned_bytes},
                     {"passes", h.passes},
                     {"cpu_ms", h.cpu_ms},
                     {"wall_ms", h.wall_ms},
                     {"blocks_followed", h.blocks_followed},
                     {"own_bytes", h.own_bytes}}},
                   {"notes", h.notes}});
  }
  const ordered_json json = {{"schema", kSchema}, {"source", source}, {"sites", std::move(all)}};
  return json.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

std::string render_holders_mermaid(const std::vector<HeldSite>& sites) {
  std::string text = "flowchart LR\n";
  for (std::size_t i = 0; i < sites.size(); ++i) add_diagram(sites[i], i, text);
  return text;
}

profile::Profile holders_profile(const std::vector<HeldSite>& sites) {
  ProfileBuilder builder;
  for (const HeldSite& held : sites) {
    const diagnose::Holders& h = held.holders;
    for (const HolderChain& chain : h.chains) {
      const double share =
          h.examined == 0 ? 0 : static_cast<double>(chain.count) / static_cast<double>(h.examined);
      std::vector<std::string> stack = {"allocated in " + held.site.name()};
      for (std::size_t i = chain.steps.size(); i-- > 0;) stack.push_back(chain.steps[i].what);
      stack.push_back(beginning(chain));
      builder.add(stack, share * static_cast<double>(h.live_blocks),
                  share * static_cast<double>(h.live_bytes));
    }
  }
  return builder.take();
}

}  // namespace holdfast::reports
