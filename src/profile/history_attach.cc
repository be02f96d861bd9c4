#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "profile/history_carrier.h"
#include "profile/history_decode.h"
#include "profile/stack_key.h"

namespace holdfast::profile {
namespace {

// The samples of one profile by their keys; equal keys are handed out in the order of the samples.
class SamplesByKey {
 public:
  explicit SamplesByKey(const Profile& profile) {
    for (std::uint32_t i = 0; i < profile.samples.size(); ++i) {
      entries_.push_back({stack_key(profile, profile.samples[i]), i, 0});
    }
    std::stable_sort(entries_.begin(), entries_.end(),
                     [](const Entry& a, const Entry& b) { return a.key < b.key; });
  }

  std::optional<std::uint32_t> take(std::uint64_t key) {
    const auto first =
        std::lower_bound(entries_.begin(), entries_.end(), key,
                         [](const Entry& entry, std::uint64_t wanted) { return entry.key < wanted; });
    if (first == entries_.end() || first->key != key) return std::nullopt;
    const std::size_t at = static_cast<std::size_t>(first - entries_.begin()) + first->taken;
    if (at == entries_.size() || entries_[at].key != key) return std::nullopt;
    ++first->taken;
    return entries_[at].sample;
  }

 private:
  struct Entry {
    std::uint64_t key;
    std::uint32_t sample;
    std::uint32_t taken;  // of the first entry of a key: how many of that key were handed out
  };
  std::vector<Entry> entries_;
};

}  // namespace

void attach_history(Profile& profile, const std::vector<std::string>& carriers) {
  if (carriers.empty()) return;
  if (carriers.size() > 1) {
    profile.history_note = "ages left out: the profile was merged from " + std::to_string(carriers.size()) +
                           " snapshots; judge each by itself";
    return;
  }
  Result<DecodedHistory> decoded = read_carrier(carriers.front());
  if (!decoded) {
    profile.history_note = decoded.error().what + "; " + decoded.error().hint;
    return;
  }
  HeapHistory& history = profile.history.emplace(std::move(decoded->history));
  SamplesByKey samples(profile);
  std::size_t lost = 0;
  for (KeyedSite& entry : decoded->sites) {
    const std::optional<std::uint32_t> sample = samples.take(entry.key);
    if (!sample) {
      ++lost;
      continue;
    }
    entry.site.sample = *sample;
    history.sites.push_back(std::move(entry.site));
  }
  if (lost > 0) {
    profile.history_note = "ages of " + std::to_string(lost) + " of " +
                           std::to_string(decoded->sites.size()) +
                           " sites belong to no row here: another tool filtered or rewrote the profile";
  }
}

}  // namespace holdfast::profile
