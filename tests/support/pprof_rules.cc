#include "support/pprof_rules.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <protozero/pbf_reader.hpp>

#include "base/gzip.h"
#include "profile/utf8.h"

namespace holdfast::support {
namespace {

constexpr std::size_t kMostBytes = 4 << 20;
constexpr std::size_t kMostSamples = 16'000;

// A message flattened: all numbers, and all nested messages, of each field.
struct Message {
  std::map<std::uint32_t, std::vector<std::uint64_t>> numbers;
  std::map<std::uint32_t, std::vector<std::string_view>> parts;

  explicit Message(std::string_view bytes) {
    protozero::pbf_reader reader(bytes.data(), bytes.size());
    while (reader.next()) {
      const std::uint32_t tag = reader.tag();  // before the value: reading it forgets the tag in debug builds
      if (reader.wire_type() == protozero::pbf_wire_type::varint) {
        numbers[tag].push_back(reader.get_uint64());
      } else if (reader.wire_type() == protozero::pbf_wire_type::length_delimited) {
        const protozero::data_view view = reader.get_view();
        parts[tag].emplace_back(view.data(), view.size());
      } else {
        reader.skip();
      }
    }
  }
  std::uint64_t number(std::uint32_t tag) const {
    const auto found = numbers.find(tag);
    return found == numbers.end() ? 0 : found->second.back();
  }
  std::vector<std::string_view> messages(std::uint32_t tag) const {
    const auto found = parts.find(tag);
    return found == parts.end() ? std::vector<std::string_view>{} : found->second;
  }
  // A repeated number, packed or not.
  std::vector<std::uint64_t> list(std::uint32_t tag) const {
    std::vector<std::uint64_t> out;
    if (const auto found = numbers.find(tag); found != numbers.end()) out = found->second;
    for (std::string_view packed : messages(tag)) {
      const char* at = packed.data();
      while (at != packed.data() + packed.size()) {
        out.push_back(protozero::decode_varint(&at, packed.data() + packed.size()));
      }
    }
    return out;
  }
};

class Checker {
 public:
  explicit Checker(std::string_view bytes) : bytes_(bytes), root_(bytes), strings_(root_.messages(6)) {}

  std::vector<std::string> check() {
    sizes();
    strings();
    types();
    mappings();
    functions();
    locations();
    samples();
    return std::move(broken_);
  }

 private:
  void rule(bool holds, const std::string& what) {
    if (!holds && std::find(broken_.begin(), broken_.end(), what) == broken_.end()) broken_.push_back(what);
  }
  std::string_view string(std::uint64_t index) {
    rule(index < strings_.size(), "every string index is in the table");
    return index < strings_.size() ? strings_[index] : std::string_view();
  }

  void sizes() {
    rule(bytes_.size() < kMostBytes, "inflated, it stays below 4 MiB");
    rule(root_.messages(2).size() <= kMostSamples, "at most 16,000 samples");
  }

  void strings() {
    rule(!strings_.empty() && strings_[0].empty(), "string_table[0] is empty");
    for (std::string_view text : strings_) rule(profile::is_utf8(text), "every string is valid UTF-8");
  }

  void types() {
    std::vector<std::string> names;
    for (std::string_view part : root_.messages(1)) {
      const Message type(part);
      names.push_back(std::string(string(type.number(1))) + "/" + std::string(string(type.number(2))));
      rule(names.back().find('-') == std::string::npos, "no '-' in a type name");
    }
    const std::vector<std::string> wanted = {"alloc_objects/count", "alloc_space/bytes",
                                             "inuse_objects/count", "inuse_space/bytes"};
    rule(names == wanted, "the four heap types, inuse_space last");
    const std::string_view by_default = string(root_.number(14));
    rule(by_default == "inuse_space" || by_default == "alloc_space", "default_sample_type is set");
    const std::vector<std::string_view> period_types = root_.messages(11);
    rule(period_types.size() == 1, "period_type is set");
    for (std::string_view part : period_types) {
      const Message type(part);
      rule(string(type.number(1)) == "space" && string(type.number(2)) == "bytes",
           "period_type is space/bytes");
    }
    rule(root_.number(12) > 0, "period is the mean interval, at least 1");
    rule(root_.number(9) > 0, "time_nanos is set");
  }

  void mappings() {
    std::uint64_t expected = 0;
    for (std::string_view part : root_.messages(3)) {
      const Message mapping(part);
      rule(mapping.number(1) == ++expected, "mapping ids are 1..N in order");
      rule(mapping.number(2) < mapping.number(3), "a mapping's start is below its limit");
      rule(mapping.number(7) != 0, "every mapping has_functions");
      const std::string_view file = string(mapping.number(5));
      rule(!file.empty() && !file.ends_with(" (deleted)"), "a mapping's file is a clean path");
      const std::string_view build_id = string(mapping.number(6));
      rule(build_id.find_first_not_of("0123456789abcdef") == std::string_view::npos,
           "build ids are lower-case hex");
      ranges_.emplace_back(mapping.number(2), mapping.number(3));
    }
    rule(expected > 0, "there is a mapping");
  }

  void functions() {
    std::uint64_t expected = 0;
    for (std::string_view part : root_.messages(5)) {
      const Message function(part);
      rule(function.number(1) == ++expected, "function ids are 1..N in order");
      rule(!string(function.number(2)).empty(), "every function has a name");
    }
    functions_ = expected;
  }

  void locations() {
    std::uint64_t expected = 0;
    for (std::string_view part : root_.messages(4)) {
      const Message location(part);
      rule(location.number(1) == ++expected, "location ids are 1..N in order");
      rule(!location.messages(4).empty(), "every location has a line");
      for (std::string_view line : location.messages(4)) {
        const std::uint64_t function = Message(line).number(1);
        rule(function >= 1 && function <= functions_, "every line has a function");
      }
      const std::uint64_t mapping = location.number(2);
      const std::uint64_t address = location.number(3);
      rule(mapping <= ranges_.size(), "every mapping id is known");
      if (mapping >= 1 && mapping <= ranges_.size()) {
        rule(address >= ranges_[mapping - 1].first && address < ranges_[mapping - 1].second,
             "an address lies inside its mapping");
      }
    }
    locations_ = expected;
  }

  void samples() {
    const bool is_delta = root_.number(10) != 0;
    const std::size_t types = root_.messages(1).size();
    for (std::string_view part : root_.messages(2)) {
      const Message sample(part);
      const std::vector<std::uint64_t> ids = sample.list(1);
      rule(!ids.empty(), "every sample has a location");
      for (std::uint64_t id : ids) rule(id >= 1 && id <= locations_, "every location id is known");
      const std::vector<std::uint64_t> values = sample.list(2);
      rule(values.size() == types, "as many values as types");
      rule(std::any_of(values.begin(), values.end(), [](std::uint64_t v) { return v != 0; }),
           "no all-zero rows");
      rule(is_delta || std::all_of(values.begin(), values.end(),
                                   [](std::uint64_t v) { return static_cast<std::int64_t>(v) >= 0; }),
           "negative values only in deltas");
      for (std::string_view label : sample.messages(3)) {
        const std::string_view key = string(Message(label).number(1));
        rule(!key.empty() && !key.starts_with("pprof::"), "labels have keys of their own");
      }
    }
  }

  std::string_view bytes_;
  Message root_;
  std::vector<std::string_view> strings_;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> ranges_;
  std::uint64_t functions_ = 0;
  std::uint64_t locations_ = 0;
  std::vector<std::string> broken_;
};

}  // namespace

std::vector<std::string> broken_rules(std::string_view bytes) {
  std::string inflated;
  if (base::is_gzip(bytes)) {
    Result<std::string> result = base::gunzip(bytes, std::size_t{256} << 20);
    if (!result) return {result.error().what};
    inflated = std::move(*result);
    bytes = inflated;
  }
  try {
    return Checker(bytes).check();
  } catch (const protozero::exception& error) {
    return {error.what()};
  }
}

}  // namespace holdfast::support
