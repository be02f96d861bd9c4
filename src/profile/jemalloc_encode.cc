#include <cstdio>

#include "profile/jemalloc_text.h"

namespace holdfast::profile {
namespace {

std::string hex(std::uint64_t address) {
  char text[32];
  std::snprintf(text, sizeof text, " 0x%llx", static_cast<unsigned long long>(address));
  return text;
}

// "objects: bytes [objects ever: bytes ever]" of one row or of the sum of all.
struct Totals {
  std::int64_t objects = 0, bytes = 0, objects_ever = 0, bytes_ever = 0;

  std::string text() const {
    return std::to_string(objects) + ": " + std::to_string(bytes) + " [" + std::to_string(objects_ever) +
           ": " + std::to_string(bytes_ever) + "]\n";
  }
};

}  // namespace

Result<std::string> encode_jemalloc_text(const Profile& profile) {
  const auto at = [&](const Sample& sample, const char* type) {
    const int index = value_index(profile, type);
    return index < 0 ? std::int64_t{0} : sample.values[static_cast<std::size_t>(index)];
  };
  Totals sum;
  std::string rows;
  for (const Sample& sample : profile.samples) {
    const Totals row{at(sample, "inuse_objects"), at(sample, "inuse_space"), at(sample, "alloc_objects"),
                     at(sample, "alloc_space")};
    if (row.objects < 0 || row.bytes < 0 || row.objects_ever < 0 || row.bytes_ever < 0)
      return Error{"the profile holds negative values, which jemalloc's text cannot",
                   "convert it to pprof instead"};
    const auto add = [](std::int64_t& total, std::int64_t more) {
      if (__builtin_add_overflow(total, more, &total)) total = INT64_MAX;
    };
    add(sum.objects, row.objects);
    add(sum.bytes, row.bytes);
    add(sum.objects_ever, row.objects_ever);
    add(sum.bytes_ever, row.bytes_ever);
    rows += "@";
    for (const std::uint32_t index : sample.locations) rows += hex(profile.locations[index].address + 1);
    if (sample.locations.empty()) rows += hex(1);
    rows += "\n  t*: " + row.text();
  }
  std::string text = "heap_v2/1\n  t*: " + sum.text() + rows + "\nMAPPED_LIBRARIES:\n";
  for (const Mapping& mapping : profile.mappings) {
    char line[128];
    std::snprintf(
        line, sizeof line, "%llx-%llx r-xp %08llx 00:00 0 ", static_cast<unsigned long long>(mapping.start),
        static_cast<unsigned long long>(mapping.limit), static_cast<unsigned long long>(mapping.offset));
    text += line + mapping.file + "\n";
  }
  return text;
}

}  // namespace holdfast::profile
