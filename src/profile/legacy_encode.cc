#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <limits>

#include "profile/legacy_text.h"

namespace holdfast::profile {
namespace {

struct Pair {
  std::int64_t objects = 0;
  std::int64_t bytes = 0;
};

std::int64_t saturating_add(std::int64_t a, std::int64_t b) {
  std::int64_t sum = 0;
  return __builtin_add_overflow(a, b, &sum) ? std::numeric_limits<std::int64_t>::max() : sum;
}

void add(Pair& sum, const Pair& row) {
  sum.objects = saturating_add(sum.objects, row.objects);
  sum.bytes = saturating_add(sum.bytes, row.bytes);
}

std::string hex(std::uint64_t value) {
  char text[24];
  std::snprintf(text, sizeof text, "%" PRIx64, value);
  return text;
}

class Columns {
 public:
  explicit Columns(const Profile& profile)
      : inuse_objects_(value_index(profile, "inuse_objects")),
        inuse_bytes_(value_index(profile, "inuse_space")),
        alloc_objects_(value_index(profile, "alloc_objects")),
        alloc_bytes_(value_index(profile, "alloc_space")) {}

  Pair inuse(const Sample& sample) const { return pair(sample, inuse_objects_, inuse_bytes_); }
  Pair alloc(const Sample& sample) const { return pair(sample, alloc_objects_, alloc_bytes_); }

 private:
  static Pair pair(const Sample& sample, int objects, int bytes) {
    Pair out;
    if (objects >= 0) out.objects = sample.values[static_cast<std::size_t>(objects)];
    if (bytes >= 0) out.bytes = sample.values[static_cast<std::size_t>(bytes)];
    // pprof refuses a whole profile for one row with bytes but no objects.
    if (out.objects == 0 && out.bytes > 0) out.objects = 1;
    return out;
  }

  int inuse_objects_, inuse_bytes_, alloc_objects_, alloc_bytes_;
};

// "objects: bytes [objects: bytes]"
std::string amounts(const Pair& inuse, const Pair& alloc, const char* zero) {
  return std::to_string(inuse.objects) + ": " + std::to_string(inuse.bytes) + " [" + zero +
         std::to_string(alloc.objects) + ": " + zero + std::to_string(alloc.bytes) + "]";
}

void add_stack(std::string& out, const Profile& profile, const Sample& sample) {
  out += " @";
  for (std::uint32_t index : sample.locations) out += " 0x" + hex(profile.locations[index].address + 1);
  // The perl tools pass over rows without an address, and totals would no longer agree.
  if (sample.locations.empty()) out += " 0x1";
  out += '\n';
}

void add_map(std::string& out, const Profile& profile) {
  out += "\nMAPPED_LIBRARIES:\n";
  for (const Mapping& mapping : profile.mappings) {
    // A line end in a path would end the row; nothing else is special here.
    std::string file = mapping.file;
    std::replace(file.begin(), file.end(), '\n', '?');
    char offset[24];
    std::snprintf(offset, sizeof offset, "%08" PRIx64, mapping.offset);
    out += hex(mapping.start) + "-" + hex(mapping.limit) + " r-xp " + offset + " 00:00 0 " + file + "\n";
  }
}

}  // namespace

Result<std::string> encode_legacy_text(const Profile& profile) {
  const Columns columns(profile);
  Pair inuse_sum;
  Pair alloc_sum;
  std::string rows;
  for (const Sample& sample : profile.samples) {
    const Pair inuse = columns.inuse(sample);
    const Pair alloc = columns.alloc(sample);
    if (std::min({inuse.objects, inuse.bytes, alloc.objects, alloc.bytes}) < 0) {
      return Error{"a profile with negative values does not fit into legacy text", "write it as pprof"};
    }
    add(inuse_sum, inuse);
    add(alloc_sum, alloc);
    rows += amounts(inuse, alloc, "");
    add_stack(rows, profile, sample);
  }
  // pprof takes the allocation columns for absent when their totals are spelled like the in-use ones, or are
  // 0. With two columns instead of four, -base against another snapshot fails. A leading zero is the same
  // number spelled anew.
  const bool needs_zero = (alloc_sum.objects == inuse_sum.objects || alloc_sum.objects == 0) &&
                          (alloc_sum.bytes == inuse_sum.bytes || alloc_sum.bytes == 0);
  std::string out =
      "heap profile: " + amounts(inuse_sum, alloc_sum, needs_zero ? "0" : "") + " @ heapprofile\n";
  out += rows;
  add_map(out, profile);
  return out;
}

}  // namespace holdfast::profile
