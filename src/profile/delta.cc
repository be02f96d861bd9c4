#include "profile/delta.h"

#include <algorithm>
#include <map>

namespace holdfast::profile {
namespace {

// A row of either profile: its stack by address, and its string labels.
struct Key {
  std::vector<std::uint64_t> stack;
  std::vector<std::pair<std::string, std::string>> labels;
  auto operator<=>(const Key&) const = default;
};

Key key_of(const Profile& profile, const Sample& sample) {
  Key key;
  for (const std::uint32_t location : sample.locations) key.stack.push_back(profile.locations[location].address);
  for (const Label& label : sample.labels) {
    if (!label.text.empty()) key.labels.emplace_back(label.key, label.text);
  }
  std::ranges::sort(key.labels);
  return key;
}

// Copies a row of `from` into `to`, with the locations and functions it needs.
class Transplant {
 public:
  Transplant(const Profile& from, Profile& to) : from_(from), to_(to), mapping_offset_(to.mappings.size()) {
    to_.mappings.insert(to_.mappings.end(), from.mappings.begin(), from.mappings.end());
  }

  Sample sample(const Sample& row) {
    Sample copy = row;
    for (std::uint32_t& location : copy.locations) location = locate(location);
    return copy;
  }

 private:
  std::uint32_t locate(std::uint32_t index) {
    if (const auto known = locations_.find(index); known != locations_.end()) return known->second;
    Location copy = from_.locations[index];
    if (copy.mapping != kNoMapping) copy.mapping += static_cast<std::uint32_t>(mapping_offset_);
    for (Line& line : copy.lines) {
      to_.functions.push_back(from_.functions[line.function]);
      line.function = static_cast<std::uint32_t>(to_.functions.size() - 1);
    }
    to_.locations.push_back(std::move(copy));
    return locations_[index] = static_cast<std::uint32_t>(to_.locations.size() - 1);
  }

  const Profile& from_;
  Profile& to_;
  std::size_t mapping_offset_;
  std::map<std::uint32_t, std::uint32_t> locations_;
};

}  // namespace

Result<Profile> delta(const Profile& before, const Profile& after) {
  if (before.sample_types != after.sample_types) {
    return Error{"the two profiles have different sample types", "compare profiles of the same kind"};
  }
  Profile result = after;
  result.history.reset();
  result.samples.clear();
  result.duration_nanos = std::max<std::int64_t>(0, after.time_nanos - before.time_nanos);

  std::map<Key, std::vector<std::int64_t>> gone;
  std::map<Key, const Sample*> earlier;
  for (const Sample& sample : before.samples) {
    Key key = key_of(before, sample);
    std::vector<std::int64_t>& sum = gone[key];
    sum.resize(sample.values.size());
    for (std::size_t i = 0; i < sample.values.size(); ++i) sum[i] += sample.values[i];
    earlier.emplace(std::move(key), &sample);
  }
  const auto changed = [](const Sample& s) { return std::ranges::any_of(s.values, [](auto v) { return v != 0; }); };
  for (Sample sample : after.samples) {
    if (const auto it = gone.find(key_of(after, sample)); it != gone.end()) {
      for (std::size_t i = 0; i < sample.values.size(); ++i) sample.values[i] -= it->second[i];
      gone.erase(it);
    }
    if (changed(sample)) result.samples.push_back(std::move(sample));
  }
  if (!gone.empty()) {
    Transplant transplant(before, result);
    for (const auto& [key, values] : gone) {
      Sample sample = transplant.sample(*earlier.at(key));
      for (std::size_t i = 0; i < values.size(); ++i) sample.values[i] = -values[i];
      if (changed(sample)) result.samples.push_back(std::move(sample));
    }
  }
  return result;
}

}  // namespace holdfast::profile
