#include "snapshot/to_profile.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <tuple>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/units.h"
#include "profile/utf8.h"

namespace holdfast::snapshot {

const char kDropFrames[] =
    "(malloc|calloc|realloc|reallocarray|memalign|aligned_alloc|posix_memalign|valloc|pvalloc|free|cfree"
    "|operator new(\\[\\])?|operator delete(\\[\\])?)(<.*>)?";

namespace {

// In the order of the sample types.
struct Totals {
  double alloc_objects = 0, alloc_bytes = 0, inuse_objects = 0, inuse_bytes = 0;

  // A broken estimate (negative, not a number) counts as nothing, so that it cannot spoil a sum.
  void add(const FrozenSite& site) {
    const auto sound = [](double value) { return value > 0 ? value : 0; };
    alloc_objects += sound(site.alloc_objects);
    alloc_bytes += sound(site.alloc_bytes);
    inuse_objects += sound(site.inuse_objects);
    inuse_bytes += sound(site.inuse_bytes);
  }
};

Totals totals_of(const FrozenSite& site) {
  Totals totals;
  totals.add(site);
  return totals;
}

// Rounded and kept inside int64, whatever the estimate.
std::int64_t whole(double value) {
  if (!(value > 0)) return 0;
  return value < 9.2e18 ? static_cast<std::int64_t>(std::llround(value)) : INT64_MAX;
}

std::vector<std::int64_t> values_of(const Totals& totals) {
  return {whole(totals.alloc_objects), whole(totals.alloc_bytes), whole(totals.inuse_objects),
          whole(totals.inuse_bytes)};
}

bool all_zero(const std::vector<std::int64_t>& values) {
  return std::all_of(values.begin(), values.end(), [](std::int64_t v) { return v == 0; });
}

std::vector<profile::Label> labels_of(const Totals& totals) {
  const bool ever = totals.alloc_objects > 0;
  const double objects = ever ? totals.alloc_objects : totals.inuse_objects;
  const double bytes = ever ? totals.alloc_bytes : totals.inuse_bytes;
  const std::int64_t mean = objects > 0 ? whole(bytes / objects) : 0;
  if (mean == 0) return {};
  return {{.key = "bytes", .text = {}, .number = mean, .unit = "bytes"}};
}

// Sites with something to show, the largest first.
std::vector<const FrozenSite*> ranked(const Frozen& frozen) {
  std::vector<const FrozenSite*> sites;
  for (const FrozenSite& site : frozen.sites) {
    if (!all_zero(values_of(totals_of(site)))) sites.push_back(&site);
  }
  std::stable_sort(sites.begin(), sites.end(), [](const FrozenSite* a, const FrozenSite* b) {
    const Totals left = totals_of(*a);
    const Totals right = totals_of(*b);
    return std::tuple(left.inuse_bytes, left.alloc_bytes) > std::tuple(right.inuse_bytes, right.alloc_bytes);
  });
  return sites;
}

// The byte inside the call instruction: a return address may already belong to the next function.
std::uint64_t call_address(std::uint64_t return_address) {
  return return_address - (return_address != 0 ? 1 : 0);
}

// Adds rows until the budget is spent. Byte counts are those of the protobuf encoding, on the high side.
class Builder {
 public:
  Builder(const std::vector<const FrozenSite*>& sites, std::size_t rows, Symbolizer& symbolizer,
          profile::Profile& profile)
      : profile_(profile) {
    std::vector<std::uint64_t> addresses;
    for (std::size_t i = 0; i < std::min(rows, sites.size()); ++i) {
      for (std::uint64_t pc : sites[i]->stack) {
        if (place_of_.try_emplace(call_address(pc), addresses.size()).second)
          addresses.push_back(call_address(pc));
      }
    }
    explanation_ = symbolizer.explain(addresses);
    location_of_.assign(addresses.size(), kNone);
    for (const CodeMapping& mapping : explanation_.mappings) {
      profile_.mappings.push_back({.start = mapping.range.start,
                                   .limit = mapping.range.limit,
                                   .offset = mapping.range.offset,
                                   .file = mapping.path,
                                   .build_id = mapping.build_id,
                                   .has_functions = true});
      bytes_ += 64 + mapping.path.size() + mapping.build_id.size();
    }
  }

  std::size_t bytes() const { return bytes_; }

  void add_site(const FrozenSite& site) {
    if (site.stack.empty()) {
      add_named("holdfast: sites beyond the limit of the site table", totals_of(site));
      return;
    }
    profile::Sample sample;
    sample.locations.reserve(site.stack.size());
    for (std::uint64_t pc : site.stack) sample.locations.push_back(location(call_address(pc)));
    sample.values = values_of(totals_of(site));
    sample.labels = labels_of(totals_of(site));
    for (const auto& [key, value] : site.labels) {
      sample.labels.push_back({.key = key, .text = profile::to_utf8(value), .number = 0, .unit = {}});
      bytes_ += 8;
      // A string is written once, however many rows have it.
      if (label_values_.insert(sample.labels.back().text).second) bytes_ += 4 + sample.labels.back().text.size();
    }
    if (profile_.history) {
      profile::SiteHistory history = site.history;
      history.sample = static_cast<std::uint32_t>(profile_.samples.size());
      bytes_ += 24 + 3 * history.lifetimes.size() + 32 * history.live.size() + 12 * history.size_steps.size();
      profile_.history->sites.push_back(std::move(history));
    }
    bytes_ += 48 + 3 * sample.locations.size();
    profile_.samples.push_back(std::move(sample));
  }

  // A row that stands for several sites: one frame with a name that says so.
  void add_named(const std::string& name, const Totals& totals) {
    profile::Location place;
    place.lines.push_back({.function = function(name, name), .line = 0});
    profile_.locations.push_back(std::move(place));
    profile_.samples.push_back({.locations = {static_cast<std::uint32_t>(profile_.locations.size() - 1)},
                                .values = values_of(totals),
                                .labels = labels_of(totals)});
    bytes_ += 96 + name.size();
  }

 private:
  static constexpr std::uint32_t kNone = 0xffffffffu;

  std::uint32_t location(std::uint64_t address) {
    const std::size_t place = place_of_.at(address);
    if (location_of_[place] != kNone) return location_of_[place];
    const ExplainedAddress& explained = explanation_.addresses[place];
    profile::Location added;
    added.mapping = explained.mapping == kOutsideMappings ? profile::kNoMapping : explained.mapping;
    added.address = address;
    added.lines.push_back(
        {.function = function(explained.symbol->name, explained.symbol->system_name), .line = 0});
    profile_.locations.push_back(std::move(added));
    bytes_ += 28;
    return location_of_[place] = static_cast<std::uint32_t>(profile_.locations.size() - 1);
  }

  std::uint32_t function(const std::string& name, const std::string& system_name) {
    const auto [entry, is_new] =
        function_of_.try_emplace(system_name, static_cast<std::uint32_t>(profile_.functions.size()));
    if (is_new) {
      profile_.functions.push_back(
          {.name = name, .system_name = system_name, .filename = {}, .start_line = 0});
      bytes_ += 24 + name.size() + system_name.size();
    }
    return entry->second;
  }

  profile::Profile& profile_;
  Explanation explanation_;
  std::unordered_map<std::uint64_t, std::size_t> place_of_;     // address -> index into the explanation
  std::vector<std::uint32_t> location_of_;                      // by that index
  std::unordered_map<std::string, std::uint32_t> function_of_;  // by system name
  std::unordered_set<std::string> label_values_;
  std::size_t bytes_ = 0;
};

profile::Profile empty_profile(const Frozen& frozen, const std::string& default_type) {
  profile::Profile profile;
  profile.sample_types = {{"alloc_objects", "count"},
                          {"alloc_space", "bytes"},
                          {"inuse_objects", "count"},
                          {"inuse_space", "bytes"}};
  profile.default_sample_type = default_type;
  profile.time_nanos = frozen.time_nanos;
  profile.period_type = {"space", "bytes"};
  profile.period = static_cast<std::int64_t>(std::min<std::uint64_t>(frozen.interval_bytes, INT64_MAX));
  profile.comments = frozen.comments;
  profile.drop_frames = kDropFrames;
  profile.history = frozen.history;
  profile.history->sites.clear();
  return profile;
}

}  // namespace

profile::Profile to_profile(const Frozen& frozen, Symbolizer& symbolizer, const ProfileLimits& limits,
                            const std::string& default_type) {
  profile::Profile profile = empty_profile(frozen, default_type);
  const std::vector<const FrozenSite*> sites = ranked(frozen);
  // Either all fit, or one row is kept for the rest.
  const std::size_t rows =
      sites.size() <= limits.max_samples ? sites.size() : std::max<std::size_t>(limits.max_samples, 1) - 1;
  Builder builder(sites, rows, symbolizer, profile);
  std::size_t shown = 0;
  while (shown < rows && builder.bytes() < limits.max_bytes) builder.add_site(*sites[shown++]);
  if (shown == sites.size()) return profile;

  Totals rest;
  for (std::size_t i = shown; i < sites.size(); ++i) rest.add(*sites[i]);
  const std::size_t folded = sites.size() - shown;
  builder.add_named("holdfast: " + std::to_string(folded) + " smaller sites folded", rest);
  profile.comments.push_back("folded the " + std::to_string(folded) + " smallest of " +
                             std::to_string(sites.size()) +
                             " sites into one row: " + base::format_bytes(rest.inuse_bytes) + " in use, " +
                             base::format_bytes(rest.alloc_bytes) + " allocated");
  return profile;
}

}  // namespace holdfast::snapshot
