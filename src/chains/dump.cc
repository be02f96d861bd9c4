#include "chains/dump.h"

#include <charconv>
#include <nlohmann/json.hpp>

namespace holdfast::chains {
namespace {

using nlohmann::json;

constexpr const char* kSchema = "holdfast.holders/1";

struct Malformed {};

const json& list(const json& object, const char* key) {
  static const json empty = json::array();
  const auto found = object.find(key);
  if (found == object.end()) return empty;
  if (!found->is_array()) throw Malformed();
  return *found;
}

std::uint64_t address(const json& value) {
  if (!value.is_string()) throw Malformed();
  const auto& text = value.get_ref<const std::string&>();
  std::uint64_t number = 0;
  const auto [end, error] =
      std::from_chars(text.data() + (text.starts_with("0x") ? 2 : 0), text.data() + text.size(), number, 16);
  if (error != std::errc() || end != text.data() + text.size()) throw Malformed();
  return number;
}

std::uint64_t address(const json& object, const char* key) {
  const auto found = object.find(key);
  return found == object.end() ? 0 : address(*found);
}

std::uint64_t number(const json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end()) return 0;
  if (!found->is_number_unsigned()) throw Malformed();
  return found->get<std::uint64_t>();
}

std::string text(const json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end()) return {};
  if (!found->is_string()) throw Malformed();
  return found->get<std::string>();
}

bool truth(const json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_boolean() && found->get<bool>();
}

std::optional<std::size_t> index(const json& object, const char* key, std::size_t size) {
  if (!object.contains(key)) return std::nullopt;
  const std::uint64_t value = number(object, key);
  if (value >= size) throw Malformed();
  return value;
}

std::vector<std::uint64_t> addresses(const json& object, const char* key) {
  std::vector<std::uint64_t> all;
  for (const json& value : list(object, key)) all.push_back(address(value));
  return all;
}

Module module_of(const json& j) {
  Module module{text(j, "path"), text(j, "build_id"), address(j, "bias"), {}};
  for (const json& segment : list(j, "segments")) {
    if (!segment.is_array() || segment.size() != 2) throw Malformed();
    module.segments.emplace_back(address(segment[0]), address(segment[1]));
  }
  return module;
}

Link link_of(const json& j, std::size_t sites) {
  Link link;
  link.at = address(j, "at");
  link.offset_in_holder = number(j, "offset_in_holder");
  link.offset = number(j, "offset");
  link.start = address(j, "start");
  link.size = number(j, "size");
  link.repeat = number(j, "repeat");
  link.is_guess = truth(j, "is_guess");
  link.site = index(j, "site", sites);
  link.type = text(j, "type");
  link.words = addresses(j, "words");
  link.around = addresses(j, "around");
  return link;
}

Chain chain_of(const json& j, const Dump& dump) {
  Chain chain;
  chain.count = number(j, "count");
  chain.end = text(j, "end");
  if (const auto root = j.find("root"); root != j.end()) {
    chain.root = Root{
        text(*root, "kind"),        address(*root, "at"),      index(*root, "thread", dump.threads.size()),
        truth(*root, "is_runtime"), addresses(*root, "below"), addresses(*root, "above")};
  }
  for (const json& link : list(j, "links")) chain.links.push_back(link_of(link, dump.sites.size()));
  return chain;
}

Dump decode(const json& j) {
  Dump dump;
  dump.is_exact = truth(j, "is_exact");
  dump.cut_by_memory = truth(j, "cut_by_memory");
  dump.cut_by_time = truth(j, "cut_by_time");
  dump.knows_heap = truth(j, "knows_heap");
  dump.walk_is_complete = truth(j, "walk_is_complete");
  dump.live_blocks = number(j, "live_blocks");
  dump.live_bytes = number(j, "live_bytes");
  dump.examined = number(j, "examined");
  dump.passes = number(j, "passes");
  dump.scanned_bytes = number(j, "scanned_bytes");
  dump.blocks_followed = number(j, "blocks_followed");
  dump.own_bytes = number(j, "own_bytes");
  dump.cpu_ms = number(j, "cpu_ms");
  dump.wall_ms = number(j, "wall_ms");
  dump.way = text(j, "way");
  for (const json& module : list(j, "modules")) dump.modules.push_back(module_of(module));
  for (const json& t : list(j, "threads")) {
    dump.threads.push_back({number(t, "id"), text(t, "name"), address(t, "pc"), address(t, "control_block")});
  }
  for (const json& t : list(j, "tls"))
    dump.tls.push_back({address(t, "bias"), number(t, "offset"), number(t, "size")});
  for (const json& site : list(j, "sites")) {
    std::vector<Frame>& stack = dump.sites.emplace_back();
    for (const json& frame : list(site, "stack"))
      stack.push_back({address(frame, "address"), text(frame, "name")});
  }
  for (const json& chain : list(j, "chains")) dump.chains.push_back(chain_of(chain, dump));
  return dump;
}

}  // namespace

bool Module::contains(std::uint64_t address) const {
  for (const auto& [start, limit] : segments) {
    if (address >= start && address < limit) return true;
  }
  return false;
}

Result<Dump> decode_dump(const std::string& bytes) {
  const Error wrong{"the answer is no description of holders",
                    "ask a program that runs with Holdfast of this version"};
  const json parsed = json::parse(bytes, nullptr, false);
  if (!parsed.is_object()) return wrong;
  try {
    if (text(parsed, "schema") != kSchema) return wrong;
    return decode(parsed);
  } catch (const Malformed&) {
    return wrong;
  } catch (const json::exception&) {
    return wrong;
  }
}

}  // namespace holdfast::chains
