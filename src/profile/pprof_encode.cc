#include <deque>
#include <protozero/pbf_builder.hpp>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/gzip.h"
#include "profile/history_carrier.h"
#include "profile/pprof.h"
#include "profile/pprof_fields.h"
#include "profile/utf8.h"

namespace holdfast::profile {
namespace {

// Hands out string_table indices in the order of first use; 0 is the empty string.
class StringTable {
 public:
  std::int64_t index(std::string_view text) {
    if (text.empty()) return 0;
    if (!is_utf8(text)) text = cleaned_.emplace_back(to_utf8(text));
    const auto [entry, is_new] = indices_.try_emplace(text, static_cast<std::int64_t>(strings_.size()));
    if (is_new) strings_.push_back(text);
    return entry->second;
  }
  const std::vector<std::string_view>& strings() const { return strings_; }

 private:
  std::vector<std::string_view> strings_{""};
  std::unordered_map<std::string_view, std::int64_t> indices_;
  std::deque<std::string> cleaned_;  // keeps addresses
};

class Encoder {
 public:
  explicit Encoder(const Profile& profile) : profile_(profile) {}

  std::string encode() {
    for (const ValueType& type : profile_.sample_types) value_type(fields::Profile::sample_type, type);
    for (const Sample& row : profile_.samples) sample(row);
    for (std::size_t i = 0; i < profile_.mappings.size(); ++i) mapping(i + 1, profile_.mappings[i]);
    for (std::size_t i = 0; i < profile_.locations.size(); ++i) location(i + 1, profile_.locations[i]);
    for (std::size_t i = 0; i < profile_.functions.size(); ++i) function(i + 1, profile_.functions[i]);
    numbers_of_the_whole();
    comments();
    // Last: only now are all strings known. Readers resolve indices after reading the whole.
    for (std::string_view text : strings_.strings())
      out_.add_string(fields::Profile::string_table, text.data(), text.size());
    return std::move(bytes_);
  }

 private:
  template <typename Field>
  using Builder = protozero::pbf_builder<Field>;

  // proto3 writes no zeros.
  template <typename Field>
  static void add_uint(Builder<Field>& builder, Field field, std::uint64_t value) {
    if (value != 0) builder.add_uint64(field, value);
  }
  template <typename Field>
  static void add_int(Builder<Field>& builder, Field field, std::int64_t value) {
    if (value != 0) builder.add_int64(field, value);
  }
  template <typename Field>
  static void add_bool(Builder<Field>& builder, Field field, bool value) {
    if (value) builder.add_bool(field, true);
  }

  void value_type(fields::Profile field, const ValueType& type) {
    Builder<fields::ValueType> builder(out_, field);
    add_int(builder, fields::ValueType::type, strings_.index(type.type));
    add_int(builder, fields::ValueType::unit, strings_.index(type.unit));
  }

  void sample(const Sample& row) {
    Builder<fields::Sample> builder(out_, fields::Profile::sample);
    ids_.clear();
    for (std::uint32_t index : row.locations) ids_.push_back(std::uint64_t{index} + 1);
    builder.add_packed_uint64(fields::Sample::location_id, ids_.begin(), ids_.end());
    builder.add_packed_int64(fields::Sample::value, row.values.begin(), row.values.end());
    for (const Label& entry : row.labels) label(builder, entry);
  }

  void label(Builder<fields::Sample>& parent, const Label& entry) {
    Builder<fields::Label> builder(parent, fields::Sample::label);
    add_int(builder, fields::Label::key, strings_.index(entry.key));
    if (!entry.text.empty()) {
      add_int(builder, fields::Label::str, strings_.index(entry.text));
    } else {
      add_int(builder, fields::Label::num, entry.number);
      add_int(builder, fields::Label::num_unit, strings_.index(entry.unit));
    }
  }

  void mapping(std::uint64_t id, const Mapping& entry) {
    Builder<fields::Mapping> builder(out_, fields::Profile::mapping);
    builder.add_uint64(fields::Mapping::id, id);
    add_uint(builder, fields::Mapping::memory_start, entry.start);
    add_uint(builder, fields::Mapping::memory_limit, entry.limit);
    add_uint(builder, fields::Mapping::file_offset, entry.offset);
    add_int(builder, fields::Mapping::filename, strings_.index(entry.file));
    add_int(builder, fields::Mapping::build_id, strings_.index(entry.build_id));
    add_bool(builder, fields::Mapping::has_functions, entry.has_functions);
    add_bool(builder, fields::Mapping::has_filenames, entry.has_filenames);
    add_bool(builder, fields::Mapping::has_line_numbers, entry.has_line_numbers);
    add_bool(builder, fields::Mapping::has_inline_frames, entry.has_inline_frames);
  }

  void location(std::uint64_t id, const Location& entry) {
    Builder<fields::Location> builder(out_, fields::Profile::location);
    builder.add_uint64(fields::Location::id, id);
    if (entry.mapping != kNoMapping)
      builder.add_uint64(fields::Location::mapping_id, std::uint64_t{entry.mapping} + 1);
    add_uint(builder, fields::Location::address, entry.address);
    for (const Line& line : entry.lines) {
      Builder<fields::Line> nested(builder, fields::Location::line);
      nested.add_uint64(fields::Line::function_id, std::uint64_t{line.function} + 1);
      add_int(nested, fields::Line::line, line.line);
    }
    add_bool(builder, fields::Location::is_folded, entry.is_folded);
  }

  void function(std::uint64_t id, const Function& entry) {
    Builder<fields::Function> builder(out_, fields::Profile::function);
    builder.add_uint64(fields::Function::id, id);
    add_int(builder, fields::Function::name, strings_.index(entry.name));
    add_int(builder, fields::Function::system_name, strings_.index(entry.system_name));
    add_int(builder, fields::Function::filename, strings_.index(entry.filename));
    add_int(builder, fields::Function::start_line, entry.start_line);
  }

  void numbers_of_the_whole() {
    add_int(out_, fields::Profile::drop_frames, strings_.index(profile_.drop_frames));
    add_int(out_, fields::Profile::keep_frames, strings_.index(profile_.keep_frames));
    add_int(out_, fields::Profile::time_nanos, profile_.time_nanos);
    add_int(out_, fields::Profile::duration_nanos, profile_.duration_nanos);
    if (profile_.period_type != ValueType{}) value_type(fields::Profile::period_type, profile_.period_type);
    add_int(out_, fields::Profile::period, profile_.period);
    add_int(out_, fields::Profile::default_sample_type, strings_.index(profile_.default_sample_type));
  }

  void comments() {
    std::vector<std::int64_t> indices;
    for (const std::string& comment : profile_.comments) {
      // What looks like a carrier but comes from elsewhere would make readers doubt the real one.
      if (!is_carrier(comment)) indices.push_back(strings_.index(comment));
    }
    if (profile_.history) {
      carrier_ = encode_history(profile_);
      indices.push_back(strings_.index(carrier_));
    }
    out_.add_packed_int64(fields::Profile::comment, indices.begin(), indices.end());
  }

  const Profile& profile_;
  std::string bytes_;
  Builder<fields::Profile> out_{bytes_};
  StringTable strings_;
  std::string carrier_;  // the string table points into it
  std::vector<std::uint64_t> ids_;
};

}  // namespace

std::string encode_pprof(const Profile& profile) { return base::gzip(Encoder(profile).encode()); }

}  // namespace holdfast::profile
