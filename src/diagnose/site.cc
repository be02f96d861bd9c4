#include "diagnose/site.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <functional>
#include <map>
#include <string_view>
#include <unordered_map>

#include "base/site_key.h"
#include "diagnose/stacks.h"
#include "diagnose/symbol.h"

namespace holdfast::diagnose {
namespace {

std::string hex16(std::uint64_t value) {
  std::string text(16, '0');
  for (std::size_t i = 16; i-- > 0; value >>= 4) text[i] = "0123456789abcdef"[value & 15];
  return text;
}

double value(const profile::Sample& sample, int index) {
  return index < 0 ? 0 : static_cast<double>(sample.values[static_cast<std::size_t>(index)]);
}

// Profiles come from outside: amounts that are no amounts count as nothing.
double amount(double number) { return std::isfinite(number) && number > 0 ? number : 0; }

void add_history(Site& site, const profile::SiteHistory& history) {
  site.has_history = true;
  site.alloc_samples += history.alloc_samples;
  site.freed_samples += history.freed_samples;
  site.lifetimes.reserve(site.lifetimes.size() + history.lifetimes.size());
  for (const profile::LifetimeCount& count : history.lifetimes) {
    if (count.bucket >= 0 && count.bucket < profile::kLifetimeBuckets) site.lifetimes.push_back(count);
  }
  site.live.reserve(site.live.size() + history.live.size());
  for (const profile::Cohort& c : history.live) {
    site.live.push_back({c.birth_ns, c.samples, amount(c.objects), amount(c.bytes), amount(c.bytes_squared),
                         amount(c.variance)});
  }
  site.size_steps.insert(site.size_steps.end(), history.size_steps.begin(), history.size_steps.end());
}

void add_up(std::vector<profile::LifetimeCount>& counts) {
  std::ranges::sort(counts, {}, &profile::LifetimeCount::bucket);
  std::size_t kept = 0;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    if (kept > 0 && counts[kept - 1].bucket == counts[i].bucket) {
      counts[kept - 1].samples += counts[i].samples;
    } else {
      counts[kept++] = counts[i];
    }
  }
  counts.resize(kept);
}

// Steps of several rows in one order of time; only those that grow are steps.
void keep_growing(std::vector<profile::SizeStep>& steps) {
  std::ranges::sort(steps, {}, &profile::SizeStep::time_ns);
  double largest = 0;
  std::erase_if(steps, [&](const profile::SizeStep& step) {
    const auto size = static_cast<double>(step.size);
    const bool grows = size >= 1.5 * largest;
    if (grows) largest = size;
    return !grows;
  });
}

// A site while its rows are added up.
struct Draft {
  Site site;
  const profile::Sample* largest = nullptr;
  double largest_bytes = 0;
  std::map<std::string, double> labels;  // bytes in use
  std::vector<std::pair<double, const profile::Sample*>> rows;  // by bytes in use
};

std::uint64_t key_of(const profile::Profile& profile, const profile::Sample& sample) {
  std::vector<std::uint64_t> addresses;
  for (const std::uint32_t location : sample.locations) addresses.push_back(profile.locations[location].address);
  return base::site_key(addresses.data(), addresses.size(), 1);
}

void add_stack_keys(Draft& draft, const profile::Profile& profile) {
  std::ranges::stable_sort(draft.rows, std::greater{}, &std::pair<double, const profile::Sample*>::first);
  for (const auto& [bytes, row] : draft.rows) {
    if (draft.site.stack_keys.size() == Site::kMaxStackKeys) return;
    const std::uint64_t key = key_of(profile, *row);
    if (std::ranges::find(draft.site.stack_keys, key) == draft.site.stack_keys.end()) draft.site.stack_keys.push_back(key);
  }
}

void finish(Draft& draft, const Stacks& stacks, const profile::Profile& profile) {
  Site& site = draft.site;
  add_stack_keys(draft, profile);
  site.frames = stacks.frames(*draft.largest);
  std::ranges::sort(site.live, {}, &profile::Cohort::birth_ns);
  add_up(site.lifetimes);
  keep_growing(site.size_steps);
  for (std::size_t i = 0; i < site.frames.size(); ++i) {
    if (site.frames[i].is_plumbing) continue;
    site.named_frame = i;
    break;
  }
  for (const auto& [label, bytes] : draft.labels) {
    if (site.inuse_bytes > 0 && bytes > 0) site.labels.emplace_back(label, bytes / site.inuse_bytes);
  }
  std::ranges::stable_sort(site.labels, std::greater{}, &std::pair<std::string, double>::second);
}

std::vector<const profile::SiteHistory*> histories_by_row(const profile::Profile& profile) {
  std::vector<const profile::SiteHistory*> rows(profile.samples.size());
  if (!profile.history) return rows;
  for (const profile::SiteHistory& h : profile.history->sites) {
    if (h.sample < rows.size()) rows[h.sample] = &h;
  }
  return rows;
}

}  // namespace

std::string Site::name() const {
  if (frames.empty()) return "[no stack]";
  const Frame& frame = frames[named_frame];
  if (!frame.file.empty() && frame.line > 0) {
    return std::string(base_name(frame.file)) + ":" + std::to_string(frame.line) + "  " + frame.function;
  }
  // A name that is already a place in the module needs no module behind it.
  if (frame.module.empty() || frame.function.starts_with(frame.module + "+0x")) return frame.function;
  return frame.function + "  [" + frame.module + "]";
}

std::vector<Site> sites_of(const profile::Profile& profile, Grouping grouping) {
  const int alloc_objects = profile::value_index(profile, "alloc_objects");
  const int alloc_bytes = profile::value_index(profile, "alloc_space");
  const int inuse_objects = profile::value_index(profile, "inuse_objects");
  const int inuse_bytes = profile::value_index(profile, "inuse_space");
  const std::vector<const profile::SiteHistory*> histories = histories_by_row(profile);
  const Stacks stacks(profile);
  std::deque<Draft> drafts;
  std::unordered_map<std::uint64_t, std::size_t> known;
  for (std::size_t row = 0; row < profile.samples.size(); ++row) {
    const profile::Sample& sample = profile.samples[row];
    const Stacks::Keys keys = stacks.keys(sample);
    const std::uint64_t key = grouping == Grouping::place ? keys.place : keys.fingerprint;
    const auto [at, is_new] = known.try_emplace(key, drafts.size());
    if (is_new) {
      Site& site = drafts.emplace_back().site;
      site.fingerprint = hex16(keys.fingerprint);
      site.place = grouping == Grouping::place ? keys.place : 0;
    }
    Draft& draft = drafts[at->second];
    const double bytes = value(sample, inuse_bytes);
    if (draft.largest == nullptr || bytes > draft.largest_bytes) {
      draft.largest = &sample;
      draft.largest_bytes = bytes;
    }
    if (bytes > 0) draft.rows.emplace_back(bytes, &sample);
    draft.site.alloc_objects += value(sample, alloc_objects);
    draft.site.alloc_bytes += value(sample, alloc_bytes);
    draft.site.inuse_objects += value(sample, inuse_objects);
    draft.site.inuse_bytes += bytes;
    for (const profile::Label& label : sample.labels) {
      if (!label.text.empty()) draft.labels[label.key + "=" + label.text] += bytes;
    }
    if (histories[row] != nullptr) add_history(draft.site, *histories[row]);
  }

  // Sites are large: only their places are sorted.
  std::vector<Draft*> order;
  order.reserve(drafts.size());
  for (Draft& draft : drafts) order.push_back(&draft);
  std::ranges::stable_sort(order, std::greater{}, [](const Draft* draft) { return draft->site.inuse_bytes; });
  std::vector<Site> sites;
  sites.reserve(order.size());
  for (Draft* draft : order) {
    finish(*draft, stacks, profile);
    sites.push_back(std::move(draft->site));
  }
  return sites;
}

}  // namespace holdfast::diagnose
