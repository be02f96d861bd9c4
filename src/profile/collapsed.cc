#include "profile/collapsed.h"

#include <cstdio>
#include <map>

#include "profile/utf8.h"

namespace holdfast::profile {
namespace {

// Of one frame: what would end it, or the line, is replaced.
std::string frame_name(std::string name) {
  for (char& c : name) {
    if (c == ';') c = ':';
    if (c == '\n' || c == '\r') c = ' ';
  }
  return to_utf8(name);
}

std::string stack_of(const Profile& profile, const Sample& sample) {
  std::string stack;
  for (auto location = sample.locations.rbegin(); location != sample.locations.rend(); ++location) {
    const Location& place = profile.locations[*location];
    for (auto line = place.lines.rbegin(); line != place.lines.rend(); ++line)
      stack += frame_name(profile.functions[line->function].name) + ";";
    if (place.lines.empty()) {
      char address[32];
      std::snprintf(address, sizeof address, "0x%llx;", static_cast<unsigned long long>(place.address));
      stack += address;
    }
  }
  if (stack.empty()) return "[no stack]";
  stack.pop_back();
  return stack;
}

}  // namespace

Result<std::string> encode_collapsed(const Profile& profile, const std::string& type) {
  const int index = value_index(profile, type);
  if (index < 0) {
    std::string known;
    for (const ValueType& t : profile.sample_types) known += (known.empty() ? "" : ", ") + t.type;
    return Error{"the profile has no values '" + type + "'", "it has: " + known};
  }
  std::map<std::string, std::int64_t> stacks;
  for (const Sample& sample : profile.samples) {
    std::int64_t& sum = stacks[stack_of(profile, sample)];
    if (__builtin_add_overflow(sum, sample.values[static_cast<std::size_t>(index)], &sum)) sum = INT64_MAX;
  }
  std::string text;
  for (const auto& [stack, value] : stacks) {
    if (value != 0) text += stack + " " + std::to_string(value) + "\n";
  }
  return text;
}

}  // namespace holdfast::profile
