#include <unordered_map>
#include <utility>
#include <vector>

#include "base/gzip.h"
#include "profile/history_carrier.h"
#include "profile/pprof.h"
#include "profile/pprof_fields.h"
#include "profile/wire.h"

namespace holdfast::profile {
namespace {

// From the ids of a file to indices of the model. Writers number from 1 without gaps, but none must.
class IdTable {
 public:
  explicit IdTable(const char* noun) : noun_(noun) {}

  void add(std::uint64_t id) {
    const auto index = static_cast<std::uint32_t>(indices_.size());
    if (id == 0) throw Broken(std::string(noun_) + " number " + std::to_string(index + 1) + " has no id");
    if (!indices_.try_emplace(id, index).second) {
      throw Broken("two " + std::string(noun_) + "s have the id " + std::to_string(id),
                   "were several profiles written into one file? decode them one by one");
    }
  }

  std::uint32_t index(std::uint64_t id) const {
    const auto found = indices_.find(id);
    if (found == indices_.end())
      throw Broken("no " + std::string(noun_) + " has the id " + std::to_string(id));
    return found->second;
  }

 private:
  const char* noun_;
  std::unordered_map<std::uint64_t, std::uint32_t> indices_;
};

class Decoder {
 public:
  explicit Decoder(const DecodeLimits& limits) : budget_(limits.model_bytes) {}

  Profile decode(std::string_view message) {
    collect(message);
    if (!strings_.empty() && !strings_.front().empty()) throw Broken("the first string is not empty");
    for (std::string_view part : sample_types_) profile_.sample_types.push_back(value_type(part));
    if (profile_.sample_types.empty()) throw Broken("it has no sample types");
    // Referred-to before referring.
    for (std::string_view part : functions_) profile_.functions.push_back(function(part));
    for (std::string_view part : mappings_) profile_.mappings.push_back(mapping(part));
    for (std::string_view part : locations_) profile_.locations.push_back(location(part));
    for (std::string_view part : samples_) profile_.samples.push_back(sample(part));
    profile_.period_type = value_type(period_type_);
    profile_.default_sample_type = string(default_sample_type_);
    profile_.drop_frames = string(drop_frames_);
    profile_.keep_frames = string(keep_frames_);
    comments();
    return std::move(profile_);
  }

 private:
  // Views of the parts, in the order of the file; nothing is resolved yet, since strings may come last.
  void collect(std::string_view message) {
    protozero::pbf_reader reader = wire::reader_of(message);
    while (reader.next()) {
      switch (static_cast<fields::Profile>(reader.tag())) {
        case fields::Profile::sample_type:
          keep(sample_types_, reader);
          break;
        case fields::Profile::sample:
          keep(samples_, reader);
          break;
        case fields::Profile::mapping:
          keep(mappings_, reader);
          break;
        case fields::Profile::location:
          keep(locations_, reader);
          break;
        case fields::Profile::function:
          keep(functions_, reader);
          break;
        case fields::Profile::string_table:
          keep(strings_, reader);
          break;
        case fields::Profile::drop_frames:
          drop_frames_ = wire::number(reader);
          break;
        case fields::Profile::keep_frames:
          keep_frames_ = wire::number(reader);
          break;
        case fields::Profile::time_nanos:
          profile_.time_nanos = wire::signed_number(reader);
          break;
        case fields::Profile::duration_nanos:
          profile_.duration_nanos = wire::signed_number(reader);
          break;
        case fields::Profile::period_type:
          period_type_ = wire::bytes(reader);
          break;
        case fields::Profile::period:
          profile_.period = wire::signed_number(reader);
          break;
        case fields::Profile::comment:
          append(comments_, reader);
          break;
        case fields::Profile::default_sample_type:
          default_sample_type_ = wire::number(reader);
          break;
        default:
          reader.skip();
      }
    }
  }

  void keep(std::vector<std::string_view>& parts, protozero::pbf_reader& reader) {
    budget_.charge(sizeof(std::string_view));
    parts.push_back(wire::bytes(reader));
  }

  void append(std::vector<std::uint64_t>& numbers, protozero::pbf_reader& reader) {
    wire::numbers(reader, [&](std::uint64_t value) {
      budget_.charge(sizeof value);
      numbers.push_back(value);
    });
  }

  std::string string(std::uint64_t index) {
    if (index == 0) return {};
    if (index >= strings_.size()) {
      throw Broken("string " + std::to_string(index) + " is asked for, but there are only " +
                   std::to_string(strings_.size()));
    }
    budget_.charge(strings_[index].size());
    return std::string(strings_[index]);
  }
  std::string string(protozero::pbf_reader& reader) { return string(wire::number(reader)); }

  ValueType value_type(std::string_view part) {
    budget_.charge(sizeof(ValueType));
    ValueType out;
    protozero::pbf_reader reader = wire::reader_of(part);
    while (reader.next()) {
      switch (static_cast<fields::ValueType>(reader.tag())) {
        case fields::ValueType::type:
          out.type = string(reader);
          break;
        case fields::ValueType::unit:
          out.unit = string(reader);
          break;
        default:
          reader.skip();
      }
    }
    return out;
  }

  Function function(std::string_view part) {
    budget_.charge(sizeof(Function) + kIdCost);
    Function out;
    std::uint64_t id = 0;
    protozero::pbf_reader reader = wire::reader_of(part);
    while (reader.next()) {
      switch (static_cast<fields::Function>(reader.tag())) {
        case fields::Function::id:
          id = wire::number(reader);
          break;
        case fields::Function::name:
          out.name = string(reader);
          break;
        case fields::Function::system_name:
          out.system_name = string(reader);
          break;
        case fields::Function::filename:
          out.filename = string(reader);
          break;
        case fields::Function::start_line:
          out.start_line = wire::signed_number(reader);
          break;
        default:
          reader.skip();
      }
    }
    function_ids_.add(id);
    return out;
  }

  Mapping mapping(std::string_view part) {
    budget_.charge(sizeof(Mapping) + kIdCost);
    Mapping out;
    std::uint64_t id = 0;
    protozero::pbf_reader reader = wire::reader_of(part);
    while (reader.next()) {
      switch (static_cast<fields::Mapping>(reader.tag())) {
        case fields::Mapping::id:
          id = wire::number(reader);
          break;
        case fields::Mapping::memory_start:
          out.start = wire::number(reader);
          break;
        case fields::Mapping::memory_limit:
          out.limit = wire::number(reader);
          break;
        case fields::Mapping::file_offset:
          out.offset = wire::number(reader);
          break;
        case fields::Mapping::filename:
          out.file = string(reader);
          break;
        case fields::Mapping::build_id:
          out.build_id = string(reader);
          break;
        case fields::Mapping::has_functions:
          out.has_functions = wire::number(reader) != 0;
          break;
        case fields::Mapping::has_filenames:
          out.has_filenames = wire::number(reader) != 0;
          break;
        case fields::Mapping::has_line_numbers:
          out.has_line_numbers = wire::number(reader) != 0;
          break;
        case fields::Mapping::has_inline_frames:
          out.has_inline_frames = wire::number(reader) != 0;
          break;
        default:
          reader.skip();
      }
    }
    mapping_ids_.add(id);
    return out;
  }

  Location location(std::string_view part) {
    budget_.charge(sizeof(Location) + kIdCost);
    Location out;
    std::uint64_t id = 0;
    protozero::pbf_reader reader = wire::reader_of(part);
    while (reader.next()) {
      switch (static_cast<fields::Location>(reader.tag())) {
        case fields::Location::id:
          id = wire::number(reader);
          break;
        case fields::Location::mapping_id: {
          const std::uint64_t mapping_id = wire::number(reader);
          out.mapping = mapping_id == 0 ? kNoMapping : mapping_ids_.index(mapping_id);
          break;
        }
        case fields::Location::address:
          out.address = wire::number(reader);
          break;
        case fields::Location::line:
          out.lines.push_back(line(wire::message(reader)));
          break;
        case fields::Location::is_folded:
          out.is_folded = wire::number(reader) != 0;
          break;
        default:
          reader.skip();
      }
    }
    location_ids_.add(id);
    return out;
  }

  Line line(protozero::pbf_reader reader) {
    budget_.charge(sizeof(Line));
    Line out;
    std::uint64_t function_id = 0;
    while (reader.next()) {
      switch (static_cast<fields::Line>(reader.tag())) {
        case fields::Line::function_id:
          function_id = wire::number(reader);
          break;
        case fields::Line::line:
          out.line = wire::signed_number(reader);
          break;
        default:
          reader.skip();
      }
    }
    out.function = function_ids_.index(function_id);
    return out;
  }

  Sample sample(std::string_view part) {
    budget_.charge(sizeof(Sample));
    Sample out;
    protozero::pbf_reader reader = wire::reader_of(part);
    while (reader.next()) {
      switch (static_cast<fields::Sample>(reader.tag())) {
        case fields::Sample::location_id:
          wire::numbers(reader, [&](std::uint64_t id) {
            budget_.charge(sizeof(std::uint32_t));
            out.locations.push_back(location_ids_.index(id));
          });
          break;
        case fields::Sample::value:
          wire::numbers(reader, [&](std::uint64_t value) {
            budget_.charge(sizeof value);
            out.values.push_back(static_cast<std::int64_t>(value));
          });
          break;
        case fields::Sample::label:
          out.labels.push_back(label(wire::message(reader)));
          break;
        default:
          reader.skip();
      }
    }
    if (out.values.size() != profile_.sample_types.size()) {
      throw Broken("sample " + std::to_string(profile_.samples.size() + 1) + " has " +
                   std::to_string(out.values.size()) + " values for " +
                   std::to_string(profile_.sample_types.size()) + " sample types");
    }
    return out;
  }

  Label label(protozero::pbf_reader reader) {
    budget_.charge(sizeof(Label));
    Label out;
    while (reader.next()) {
      switch (static_cast<fields::Label>(reader.tag())) {
        case fields::Label::key:
          out.key = string(reader);
          break;
        case fields::Label::str:
          out.text = string(reader);
          break;
        case fields::Label::num:
          out.number = wire::signed_number(reader);
          break;
        case fields::Label::num_unit:
          out.unit = string(reader);
          break;
        default:
          reader.skip();
      }
    }
    return out;
  }

  void comments() {
    std::vector<std::string> carriers;
    for (std::uint64_t index : comments_) {
      std::string comment = string(index);
      (is_carrier(comment) ? carriers : profile_.comments).push_back(std::move(comment));
    }
    attach_history(profile_, carriers);
  }

  static constexpr std::size_t kIdCost = 48;  // about one node of an unordered_map and its bucket

  Budget budget_;
  Profile profile_;
  std::vector<std::string_view> sample_types_, samples_, mappings_, locations_, functions_, strings_;
  std::vector<std::uint64_t> comments_;
  std::string_view period_type_;
  std::uint64_t drop_frames_ = 0, keep_frames_ = 0, default_sample_type_ = 0;
  IdTable function_ids_{"function"}, mapping_ids_{"mapping"}, location_ids_{"location"};
};

}  // namespace

Result<Profile> decode_pprof(std::string_view bytes, const DecodeLimits& limits) {
  if (base::is_gzip(bytes)) {
    const Result<std::string> inflated = base::gunzip(bytes, limits.input_bytes);
    if (!inflated) return inflated.error();
    // Once only: gzip inside gzip is no profile, and nesting would multiply the limit.
    if (base::is_gzip(*inflated)) return Error{"not a profile: gzip inside gzip", "unpack it once (gunzip)"};
    return decode_pprof(*inflated, limits);
  }
  if (bytes.size() > limits.input_bytes) {
    return Error{"profile is larger than " + std::to_string(limits.input_bytes) + " bytes",
                 "check what was fetched"};
  }
  return caught("broken pprof profile", "fetch it again; if it stays broken, its writer is at fault",
                [&] { return Decoder(limits).decode(bytes); });
}

}  // namespace holdfast::profile
