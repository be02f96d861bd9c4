#include "diagnose/stacks.h"

#include <algorithm>
#include <string_view>

#include "base/random.h"
#include "diagnose/symbol.h"

namespace holdfast::diagnose {
namespace {

// Fingerprints are kept in files, so the hash is the same on every machine: FNV-1a over text, SplitMix64's
// finaliser over numbers.
class Hash {
 public:
  Hash& text(std::string_view text) {
    for (const char c : text) byte(static_cast<unsigned char>(c));
    byte(0xff);  // ends every text, as it is in no UTF-8
    return *this;
  }
  Hash& number(std::uint64_t number) {
    value_ = base::mix(value_ * 0x100000001b3ull ^ number);
    return *this;
  }
  std::uint64_t value() const { return value_; }

 private:
  void byte(unsigned char byte) { value_ = (value_ ^ byte) * 0x100000001b3ull; }
  std::uint64_t value_ = 0xcbf29ce484222325ull;
};

std::string hex(std::uint64_t value) {
  std::string text;
  do {
    text.insert(text.begin(), "0123456789abcdef"[value & 15]);
  } while ((value >>= 4) != 0);
  return text;
}

}  // namespace

Stacks::Stacks(const profile::Profile& profile)
    : profile_(profile), table_(std::make_shared<std::vector<Frame>>()) {
  locations_.reserve(profile.locations.size());
  for (const profile::Location& location : profile.locations) explain(location);
}

std::string Stacks::module_of(const profile::Location& location) const {
  if (location.mapping == profile::kNoMapping) return {};
  return std::string(base_name(profile_.mappings[location.mapping].file));
}

void Stacks::explain(const profile::Location& location) {
  Explained explained{static_cast<std::uint32_t>(table_->size()), 0, 0, false};
  const std::string module = module_of(location);
  std::uint64_t offset = location.address;
  Hash place;
  if (location.mapping != profile::kNoMapping) {
    const profile::Mapping& mapping = profile_.mappings[location.mapping];
    offset = location.address - mapping.start + mapping.offset;
    place.text(mapping.build_id.empty() ? mapping.file : mapping.build_id);
  }
  place.number(location.address == 0 ? 0 : offset);
  for (const profile::Line& line : location.lines) {
    const profile::Function& function = profile_.functions[line.function];
    const std::string& name = function.name.empty() ? function.system_name : function.name;
    // Without an address, the names are all that tells two places apart.
    if (location.address == 0) place.text(name).number(static_cast<std::uint64_t>(line.line));
    const std::uint64_t key = std::uint64_t{location.mapping} << 32 | line.function;
    const auto [known, is_new] = functions_.try_emplace(key, static_cast<std::uint32_t>(table_->size()));
    if (is_new) {
      Symbol symbol = explain_symbol(name, module);
      // Where inlined calls are known, the lambda is a frame of its own, beside what invokes it.
      const bool is_told_twice = symbol.is_invoker && line.line != 0;
      names_.push_back(Hash().text(symbol.normalised).value());
      table_->push_back({std::move(symbol.shown), function.filename, line.line, module,
                         symbol.is_plumbing || is_told_twice});
    } else {
      names_.push_back(names_[known->second]);
      Frame again = (*table_)[known->second];
      again.line = line.line;
      table_->push_back(std::move(again));
    }
  }
  if (location.lines.empty()) {
    // By its place in the module, which survives address space randomisation.
    const std::string name = (module.empty() ? "unknown" : module) + "+0x" + hex(offset);
    names_.push_back(Hash().text(name).value());
    table_->push_back({name, "", 0, module, is_plumbing_module(module)});
  }
  explained.count = static_cast<std::uint32_t>(table_->size()) - explained.first;
  explained.place = place.value();
  explained.is_application = std::any_of(table_->begin() + explained.first, table_->end(),
                                         [](const Frame& frame) { return !frame.is_plumbing; });
  locations_.push_back(explained);
}

Stacks::Keys Stacks::keys(const profile::Sample& sample) const {
  // Nothing but plumbing: then that is what tells the sites apart.
  const bool all_plumbing = std::ranges::none_of(
      sample.locations, [&](std::uint32_t index) { return locations_[index].is_application; });
  Hash fingerprint, place;
  std::uint64_t last_name = 0, last_place = 0;
  for (const std::uint32_t index : sample.locations) {
    const Explained& explained = locations_[index];
    if (!all_plumbing && !explained.is_application) continue;
    // Recursion of any depth is one site.
    if (explained.place != last_place) place.number(explained.place);
    last_place = explained.place;
    for (std::uint32_t i = explained.first; i < explained.first + explained.count; ++i) {
      if (!all_plumbing && (*table_)[i].is_plumbing) continue;
      if (names_[i] != last_name) fingerprint.number(names_[i]);
      last_name = names_[i];
    }
  }
  return {fingerprint.value(), place.value()};
}

FrameList Stacks::frames(const profile::Sample& sample) const {
  std::vector<std::uint32_t> indices;
  indices.reserve(sample.locations.size());
  for (const std::uint32_t index : sample.locations) {
    const Explained& explained = locations_[index];
    for (std::uint32_t i = explained.first; i < explained.first + explained.count; ++i) indices.push_back(i);
  }
  return {table_, std::move(indices)};
}

}  // namespace holdfast::diagnose
