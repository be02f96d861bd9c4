#include "holders/dump.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <map>

#include "base/files.h"
#include "base/site_key.h"

namespace holdfast::holders {
namespace {

// Just enough JSON: the caller opens and closes what it writes in pairs.
class Json {
 public:
  Json& open(char bracket) {
    separate();
    text_ += bracket;
    is_first_ = true;
    return *this;
  }
  Json& close(char bracket) {
    text_ += bracket;
    is_first_ = false;
    return *this;
  }
  Json& key(const char* name) {
    separate();
    text_ += '"';
    text_ += name;
    text_ += "\":";
    is_first_ = true;
    return *this;
  }
  Json& number(std::uint64_t n) {
    separate();
    text_ += std::to_string(n);
    return *this;
  }
  Json& truth(bool value) {
    separate();
    text_ += value ? "true" : "false";
    return *this;
  }
  // Addresses as text: JSON's numbers are doubles to many readers.
  Json& address(std::uint64_t a) {
    separate();
    char digits[20];
    const auto end = std::to_chars(digits, digits + sizeof digits, a, 16).ptr;
    text_ += "\"0x";
    text_.append(digits, end);
    text_ += '"';
    return *this;
  }
  Json& text(std::string_view value) {
    separate();
    text_ += '"';
    for (const char c : value) {
      const auto byte = static_cast<unsigned char>(c);
      if (c == '"' || c == '\\') {
        text_ += '\\';
        text_ += c;
      } else if (byte < 0x20 || byte >= 0x7f) {  // names of files and threads are bytes, not always UTF-8
        text_ += "\\u00";
        text_ += "0123456789abcdef"[byte >> 4];
        text_ += "0123456789abcdef"[byte & 15];
      } else {
        text_ += c;
      }
    }
    text_ += '"';
    return *this;
  }
  std::string take() { return std::move(text_); }

 private:
  void separate() {
    if (!is_first_) text_ += ',';
    is_first_ = false;
  }
  std::string text_;
  bool is_first_ = true;
};

class Writer {
 public:
  Writer(const Findings& findings, const record::SiteTable& sites) : found_(findings), sites_(sites) {}

  void chains(Json& json) {
    json.key("chains").open('[');
    for (std::uint32_t i = 0; i < found_.answer.chains(); ++i) chain(json, found_.answer.chain(i));
    json.close(']');
  }

  void modules(Json& json) const {
    json.key("modules").open('[');
    for (const snapshot::LoadedObject& module : found_.around.modules) {
      json.open('{').key("path").text(module.name.empty() ? own_path() : module.name);
      json.key("build_id").text(module.build_id).key("bias").address(module.bias);
      json.key("segments").open('[');
      for (const auto& segment : module.segments)
        json.open('[').address(segment.start).address(segment.limit).close(']');
      json.close(']').close('}');
    }
    json.close(']');
  }

  void threads(Json& json) const {
    json.key("threads").open('[');
    for (const Thread& thread : found_.around.threads) {
      json.open('{').key("id").number(static_cast<std::uint64_t>(thread.id)).key("name").text(thread.name);
      json.key("sp").address(thread.stack_pointer).key("pc").address(thread.program_counter);
      json.key("control_block").address(thread.control_block).close('}');
    }
    json.close(']').key("tls").open('[');
    for (const StaticTls& tls : found_.around.tls) {
      json.open('{')
          .key("bias")
          .address(tls.bias)
          .key("offset")
          .number(tls.offset)
          .key("size")
          .number(tls.size)
          .close('}');
    }
    json.close(']');
  }

  // Of the blocks on the chains; to be written after them.
  void sites(Json& json,
             const std::function<std::vector<std::string>(const std::vector<std::uint64_t>&)>& names) const {
    std::vector<std::uint64_t> addresses;
    for (const auto& [id, number] : numbers_) {
      for (std::uint32_t f = 0; f < sites_.at(id)->depth; ++f)
        addresses.push_back(sites_.at(id)->stack[f] - 1);
    }
    const std::vector<std::string> known = names(addresses);
    std::vector<std::uint32_t> ids(numbers_.size());
    for (const auto& [id, number] : numbers_) ids[number] = id;
    std::map<std::uint64_t, std::string> by_address;
    for (std::size_t i = 0; i < addresses.size() && i < known.size(); ++i)
      by_address[addresses[i]] = known[i];
    json.key("sites").open('[');
    for (const std::uint32_t id : ids) {
      const record::Site& site = *sites_.at(id);
      json.open('{').key("key").address(base::site_key(site.stack, site.depth)).key("stack").open('[');
      for (std::uint32_t f = 0; f < site.depth; ++f) {
        json.open('{')
            .key("address")
            .address(site.stack[f])
            .key("name")
            .text(by_address[site.stack[f] - 1])
            .close('}');
      }
      json.close(']').close('}');
    }
    json.close(']');
  }

 private:
  void chain(Json& json, const Chain& chain) {
    json.open('{').key("count").number(chain.count).key("end").text(name(chain.end));
    if (chain.links > 0 && (chain.end == ChainEnd::root || chain.end == ChainEnd::unknown)) root(json, chain);
    json.key("block").address(found_.graph.node(chain.wanted).block.start);
    json.key("links").open('[');
    for (std::uint32_t i = 0; i < chain.links; ++i) link(json, found_.answer.link(chain.first_link + i));
    json.close(']').close('}');
  }

  void root(Json& json, const Chain& chain) {
    const std::uintptr_t at = found_.graph.edge(found_.answer.link(chain.first_link).edge).at;
    const Range* range = range_of(found_.around.ranges, at);
    const char* kind = "memory";
    if (range != nullptr && range->kind == RangeKind::data) kind = "global";
    if (range != nullptr && range->kind == RangeKind::tls) kind = "thread_local";
    if (range != nullptr && range->kind == RangeKind::stack) kind = "stack";
    if (range != nullptr && range->kind == RangeKind::heap) kind = "heap";
    json.key("root").open('{').key("kind").text(kind).key("at").address(at);
    if (range != nullptr && (range->kind == RangeKind::tls || range->kind == RangeKind::stack)) {
      json.key("thread").number(range->index);
    }
    if (range != nullptr) json.key("is_runtime").truth(range->is_runtime);
    frames(json, "below", chain.below, chain.frames_below);
    frames(json, "above", chain.above, chain.frames_above);
    json.close('}');
  }

  static void frames(Json& json, const char* key, const std::uint64_t* frames, std::uint8_t count) {
    if (count == 0) return;
    json.key(key).open('[');
    for (std::uint8_t i = 0; i < count; ++i) json.address(frames[i]);
    json.close(']');
  }

  void link(Json& json, const Link& link) {
    const Block& block = found_.graph.node(link.node).block;
    const Edge& edge = found_.graph.edge(link.edge);
    json.open('{').key("at").address(edge.at);
    if (edge.holder != kNone) {
      json.key("offset_in_holder").number(edge.at - found_.graph.node(edge.holder).block.start);
    }
    json.key("offset").number(edge.offset).key("start").address(block.start).key("size").number(block.size);
    json.key("repeat").number(link.repeat);
    if (!block.is_certain) json.key("is_guess").truth(true);
    if (block.site != kNoSite && block.site != 0) json.key("site").number(number_of(block.site));
    if (link.type_name != 0) json.key("type").text(found_.answer.type_name(link.type_name - 1).text);
    json.key("words").open('[');
    for (std::uint8_t i = 0; i < link.words; ++i) json.address(link.word[i]);
    json.close(']').key("around").open('[');
    for (const std::uint64_t word : link.around) json.address(word);
    json.close(']').close('}');
  }

  std::uint32_t number_of(std::uint32_t site) {
    return numbers_.emplace(site, static_cast<std::uint32_t>(numbers_.size())).first->second;
  }

  static std::string own_path() {
    char path[4096];
    const ssize_t n = readlink("/proc/self/exe", path, sizeof path);
    return n <= 0 ? std::string() : std::string(path, static_cast<std::size_t>(n));
  }

  const Findings& found_;
  const record::SiteTable& sites_;
  std::map<std::uint32_t, std::uint32_t> numbers_;  // site id -> number in the dump
};

}  // namespace

std::string write_dump(
    const Findings& findings, const Asked& asked, const record::SiteTable& sites,
    const std::function<std::vector<std::string>(const std::vector<std::uint64_t>&)>& names) {
  Json json;
  Writer writer(findings, sites);
  json.open('{').key("schema").text("holdfast.holders/1");
  json.key("process").number(static_cast<std::uint64_t>(getpid())).key("is_exact").truth(asked.is_exact);
  json.key("live_blocks").number(asked.live_blocks).key("live_bytes").number(asked.live_bytes);
  json.key("examined").number(asked.examined).key("way").text(name(findings.way));
  json.key("passes").number(findings.graph.progress().passes.load());
  json.key("scanned_bytes").number(findings.graph.progress().scanned_bytes.load());
  json.key("blocks_followed")
      .number(findings.graph.nodes())
      .key("own_bytes")
      .number(findings.graph.bytes_used());
  json.key("cpu_ms").number(findings.graph.progress().cpu_ns / 1'000'000);
  json.key("wall_ms").number(static_cast<std::uint64_t>(findings.wall_ms));
  json.key("cut_by_memory").truth(findings.cut_by_memory).key("cut_by_time").truth(findings.cut_by_time);
  json.key("knows_heap").truth(findings.knows_heap).key("walk_is_complete").truth(findings.walk_is_complete);
  writer.chains(json);
  writer.sites(json, names);
  writer.modules(json);
  writer.threads(json);
  json.close('}');
  return json.take();
}

}  // namespace holdfast::holders
