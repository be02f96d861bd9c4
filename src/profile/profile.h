// The one plain model of a heap profile, at which both halves meet: snapshot builds it in the server, the desk decodes
// it from bytes, diagnose and the reports read it. It mirrors pprof's profile.proto, with indices instead of ids.
// Plain values: copy freely; thread-safe as any const value; allocates as std containers do.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "profile/history.h"

namespace holdfast::profile {

struct ValueType {
  std::string type;  // "inuse_space"
  std::string unit;  // "bytes"
  bool operator==(const ValueType&) const = default;
};

struct Mapping {
  std::uint64_t start = 0;   // first address
  std::uint64_t limit = 0;   // one past the last address
  std::uint64_t offset = 0;  // file offset of `start`
  std::string file;          // path, without " (deleted)"
  std::string build_id;      // lower-case hex, or empty
  bool has_functions = false;
  bool has_filenames = false;
  bool has_line_numbers = false;
  bool has_inline_frames = false;
  bool operator==(const Mapping&) const = default;
};

struct Function {
  std::string name;         // demangled
  std::string system_name;  // mangled
  std::string filename;     // empty when unknown
  std::int64_t start_line = 0;
  bool operator==(const Function&) const = default;
};

struct Line {
  std::uint32_t function = 0;  // index into Profile::functions
  std::int64_t line = 0;       // 0 when unknown
  bool operator==(const Line&) const = default;
};

inline constexpr std::uint32_t kNoMapping = 0xffffffffu;

struct Location {
  std::uint32_t mapping = kNoMapping;  // index into Profile::mappings
  std::uint64_t address = 0;           // inside the call instruction: return address - 1
  std::vector<Line> lines;             // [0] is the innermost inline
  bool is_folded = false;
  bool operator==(const Location&) const = default;
};

struct Label {
  std::string key;
  std::string text;        // string label when not empty
  std::int64_t number = 0; // numeric label otherwise
  std::string unit;        // of `number`, e.g. "bytes"
  bool operator==(const Label&) const = default;
};

struct Sample {
  std::vector<std::uint32_t> locations;  // indices into Profile::locations, leaf first
  std::vector<std::int64_t> values;      // one per Profile::sample_types
  std::vector<Label> labels;
  bool operator==(const Sample&) const = default;
};

struct Profile {
  std::vector<ValueType> sample_types;
  std::string default_sample_type;
  std::vector<Sample> samples;
  std::vector<Mapping> mappings;      // [0] is the main executable
  std::vector<Location> locations;
  std::vector<Function> functions;
  std::int64_t time_nanos = 0;        // wall clock of the snapshot, ns since the epoch
  std::int64_t duration_nanos = 0;    // 0 unless the profile is a delta
  ValueType period_type;              // space/bytes
  std::int64_t period = 0;            // mean bytes between two samples; 1 in exact mode
  std::vector<std::string> comments;  // for people; the history's carrier is not among them
  std::string drop_frames;
  std::string keep_frames;

  // What Holdfast knows beyond the four pprof values; absent in foreign profiles and in legacy text.
  std::optional<HeapHistory> history;
  // Why `history` is missing or incomplete although the file carried one: one line for people, else empty.
  // Decoders set it, encoders ignore it.
  std::string history_note;

  bool operator==(const Profile&) const = default;
};

// Index of the sample type `type` ("inuse_space"), or -1.
int value_index(const Profile& profile, const std::string& type);

}  // namespace holdfast::profile
