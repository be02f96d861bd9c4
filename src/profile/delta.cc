#include "profile/delta.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <map>

namespace holdfast::profile {
namespace {

// A row of either profile: its stack by address, and its string labels. Frames without an address go by their
// names, digits left out: "12 smaller sites folded" and "15 smaller sites folded" are one row.
struct Key {
  std::vector<std::uint64_t> stack;
  std::string names;
  std::vector<std::pair<std::string, std::string>> labels;
  auto operator<=>(const Key&) const = default;
};

Key key_of(const Profile& profile, const Sample& sample) {
  Key key;
  for (const std::uint32_t index : sample.locations) {
    const Location& location = profile.locations[index];
    key.stack.push_back(location.address);
    if (location.address != 0) continue;
    for (const Line& line : location.lines) {
      std::ranges::copy_if(profile.functions[line.function].name, std::back_inserter(key.names),
                           [](char c) { return c < '0' || c > '9'; });
    }
  }
  for (const Label& label : sample.labels) {
    if (!label.text.empty()) key.labels.emplace_back(label.key, label.text);
  }
  std::ranges::sort(key.labels);
  return key;
}

// Kept inside int64: profiles from outside may hold anything.
std::int64_t minus(std::int64_t a, std::int64_t b) {
  std::int64_t result = 0;
  if (!__builtin_sub_overflow(a, b, &result)) return result;
  return a < b ? INT64_MIN : INT64_MAX;
}

std::int64_t plus(std::int64_t a, std::int64_t b) {
  std::int64_t result = 0;
  if (!__builtin_add_overflow(a, b, &result)) return result;
  return a < 0 ? INT64_MIN : INT64_MAX;
}

// Copies a row of `from` into `to`, with the locations and functions it needs.
class Transplant {
 public:
  Transplant(const Profile& from, Profile& to) : from_(from), to_(to) {}

  Sample sample(const Sample& row) {
    Sample copy = row;
    for (std::uint32_t& location : copy.locations) location = locate(location);
    return copy;
  }

 private:
  std::uint32_t locate(std::uint32_t index) {
    if (const auto known = locations_.find(index); known != locations_.end()) return known->second;
    Location copy = from_.locations[index];
    if (copy.mapping != kNoMapping) copy.mapping = place(from_.mappings[copy.mapping], to_.mappings);
    for (Line& line : copy.lines) line.function = place(from_.functions[line.function], to_.functions);
    to_.locations.push_back(std::move(copy));
    return locations_[index] = static_cast<std::uint32_t>(to_.locations.size() - 1);
  }

  // Rows that vanish are few; a search is cheaper than an index of everything.
  template <typename T>
  static std::uint32_t place(const T& wanted, std::vector<T>& all) {
    const auto known = std::ranges::find(all, wanted);
    if (known != all.end()) return static_cast<std::uint32_t>(known - all.begin());
    all.push_back(wanted);
    return static_cast<std::uint32_t>(all.size() - 1);
  }

  const Profile& from_;
  Profile& to_;
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
  result.duration_nanos = std::max<std::int64_t>(0, minus(after.time_nanos, before.time_nanos));

  std::map<Key, std::vector<std::int64_t>> gone;  // what `before` had, negated
  std::map<Key, const Sample*> earlier;
  for (const Sample& sample : before.samples) {
    Key key = key_of(before, sample);
    std::vector<std::int64_t>& sum = gone[key];
    sum.resize(sample.values.size());
    for (std::size_t i = 0; i < sample.values.size(); ++i) sum[i] = minus(sum[i], sample.values[i]);
    earlier.emplace(std::move(key), &sample);
  }
  const auto changed = [](const Sample& s) {
    return std::ranges::any_of(s.values, [](auto v) { return v != 0; });
  };
  for (Sample sample : after.samples) {
    if (const auto it = gone.find(key_of(after, sample)); it != gone.end()) {
      for (std::size_t i = 0; i < it->second.size(); ++i) {
        sample.values[i] = plus(sample.values[i], it->second[i]);
      }
      gone.erase(it);
    }
    if (changed(sample)) result.samples.push_back(std::move(sample));
  }
  if (!gone.empty()) {
    Transplant transplant(before, result);
    for (const auto& [key, values] : gone) {
      Sample sample = transplant.sample(*earlier.at(key));
      for (std::size_t i = 0; i < values.size(); ++i) sample.values[i] = values[i];
      if (changed(sample)) result.samples.push_back(std::move(sample));
    }
  }
  return result;
}

}  // namespace holdfast::profile
