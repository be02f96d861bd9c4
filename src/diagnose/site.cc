#include "diagnose/site.h"

#include <algorithm>
#include <map>
#include <unordered_map>

#include "diagnose/symbol.h"

namespace holdfast::diagnose {
namespace {

// FNV-1a, 64 bits.
class Hash {
 public:
  void add(std::string_view text) {
    for (const char c : text) step(static_cast<unsigned char>(c));
    step(0xff);  // a byte that ends every text, as it is in no UTF-8
  }
  std::uint64_t value() const { return value_; }

 private:
  void step(unsigned char byte) { value_ = (value_ ^ byte) * 0x100000001b3ull; }
  std::uint64_t value_ = 0xcbf29ce484222325ull;
};

std::string hex16(std::uint64_t value) {
  std::string text(16, '0');
  for (int i = 15; i >= 0; --i, value >>= 4) text[static_cast<std::size_t>(i)] = "0123456789abcdef"[value & 15];
  return text;
}

// Explains each function of a profile once.
class Explained {
 public:
  explicit Explained(const profile::Profile& profile) : profile_(profile) {}

  struct One {
    Frame frame;             // without line
    std::string normalised;
  };

  const One& line(const profile::Location& location, const profile::Line& line) {
    const std::uint64_t key = std::uint64_t{location.mapping} << 32 | line.function;
    if (const auto known = functions_.find(key); known != functions_.end()) return known->second;
    const profile::Function& function = profile_.functions[line.function];
    const std::string module = module_of(location);
    const Symbol symbol = explain_symbol(function.name.empty() ? function.system_name : function.name, module);
    return functions_[key] = {{symbol.shown, function.filename, 0, module, symbol.is_plumbing}, symbol.normalised};
  }

  // A location without lines: by its place in the module, which survives ASLR.
  One unnamed(const profile::Location& location) const {
    const std::string module = module_of(location);
    std::uint64_t offset = location.address;
    if (location.mapping != profile::kNoMapping) {
      const profile::Mapping& mapping = profile_.mappings[location.mapping];
      offset = location.address - mapping.start + mapping.offset;
    }
    const std::string name = (module.empty() ? "unknown" : module) + "+0x" + hex16(offset).substr(4);
    return {{name, "", 0, module, is_plumbing_module(module)}, name};
  }

 private:
  std::string module_of(const profile::Location& location) const {
    return location.mapping == profile::kNoMapping ? std::string()
                                                   : std::string(base_name(profile_.mappings[location.mapping].file));
  }

  const profile::Profile& profile_;
  std::unordered_map<std::uint64_t, One> functions_;
};

struct Stack {
  std::vector<Frame> frames;
  std::uint64_t hash = 0;
};

Stack explain(const profile::Profile& profile, const profile::Sample& sample, Explained& explained) {
  Stack stack;
  Hash hash;
  const std::string* last = nullptr;
  std::vector<std::string> kept;  // names of unnamed frames, so that `last` stays valid
  kept.reserve(sample.locations.size());
  const auto add = [&](const Frame& frame, std::int64_t line, const std::string& normalised) {
    stack.frames.push_back(frame);
    stack.frames.back().line = line;
    if (frame.is_plumbing) return;
    // Recursion of any depth is one place.
    if (last == nullptr || *last != normalised) hash.add(normalised);
    last = &normalised;
  };
  for (const std::uint32_t index : sample.locations) {
    const profile::Location& location = profile.locations[index];
    for (const profile::Line& line : location.lines) {
      const Explained::One& one = explained.line(location, line);
      add(one.frame, line.line, one.normalised);
    }
    if (location.lines.empty()) {
      const Explained::One one = explained.unnamed(location);
      kept.push_back(one.normalised);
      add(one.frame, 0, kept.back());
    }
  }
  // Nothing but plumbing: then that is what it is called after.
  if (last == nullptr) {
    for (const Frame& frame : stack.frames) hash.add(frame.function);
  }
  stack.hash = hash.value();
  return stack;
}

double value(const profile::Sample& sample, int index) {
  return index < 0 ? 0 : static_cast<double>(sample.values[static_cast<std::size_t>(index)]);
}

void add_history(Site& site, const profile::SiteHistory& history) {
  site.has_history = true;
  site.alloc_samples += history.alloc_samples;
  site.freed_samples += history.freed_samples;
  for (const profile::LifetimeCount& l : history.lifetimes) {
    if (l.bucket >= 0 && l.bucket < profile::kLifetimeBuckets) site.lifetimes[static_cast<std::size_t>(l.bucket)] += l.samples;
  }
  site.live.insert(site.live.end(), history.live.begin(), history.live.end());
  site.size_steps.insert(site.size_steps.end(), history.size_steps.begin(), history.size_steps.end());
}

// Steps of several rows in one order of time; only those that grow are steps.
void keep_growing(std::vector<profile::SizeStep>& steps) {
  std::ranges::sort(steps, {}, &profile::SizeStep::time_ns);
  std::uint64_t largest = 0;
  std::erase_if(steps, [&](const profile::SizeStep& step) {
    const bool grows = step.size >= largest + largest / 2;
    if (grows) largest = step.size;
    return !grows;
  });
}

}  // namespace

std::string Site::name() const {
  if (frames.empty()) return "[no stack]";
  const Frame& frame = frames[named_frame];
  if (!frame.file.empty() && frame.line > 0) {
    return std::string(base_name(frame.file)) + ":" + std::to_string(frame.line) + "  " + frame.function;
  }
  // A name that is already a place in the module needs no module behind it.
  if (frame.module.empty() || frame.function.starts_with(frame.module)) return frame.function;
  return frame.function + "  [" + frame.module + "]";
}

std::vector<Site> sites_of(const profile::Profile& profile) {
  const int alloc_objects = profile::value_index(profile, "alloc_objects");
  const int alloc_bytes = profile::value_index(profile, "alloc_space");
  const int inuse_objects = profile::value_index(profile, "inuse_objects");
  const int inuse_bytes = profile::value_index(profile, "inuse_space");
  std::unordered_map<std::uint32_t, const profile::SiteHistory*> histories;
  if (profile.history) {
    for (const profile::SiteHistory& h : profile.history->sites) histories.emplace(h.sample, &h);
  }

  std::vector<Site> sites;
  std::vector<double> largest_row;
  std::vector<std::map<std::string, double>> labels;
  std::unordered_map<std::uint64_t, std::size_t> by_hash;
  Explained explained(profile);
  for (std::size_t row = 0; row < profile.samples.size(); ++row) {
    const profile::Sample& sample = profile.samples[row];
    Stack stack = explain(profile, sample, explained);
    const auto [place, is_new] = by_hash.try_emplace(stack.hash, sites.size());
    if (is_new) {
      sites.emplace_back();
      sites.back().fingerprint = hex16(stack.hash);
      largest_row.push_back(-1);
      labels.emplace_back();
    }
    Site& site = sites[place->second];
    const double bytes = value(sample, inuse_bytes);
    if (bytes > largest_row[place->second]) {
      largest_row[place->second] = bytes;
      site.frames = std::move(stack.frames);
    }
    site.alloc_objects += value(sample, alloc_objects);
    site.alloc_bytes += value(sample, alloc_bytes);
    site.inuse_objects += value(sample, inuse_objects);
    site.inuse_bytes += bytes;
    for (const profile::Label& label : sample.labels) {
      if (!label.text.empty()) labels[place->second][label.key + "=" + label.text] += bytes;
    }
    if (const auto h = histories.find(static_cast<std::uint32_t>(row)); h != histories.end()) add_history(site, *h->second);
  }

  for (std::size_t i = 0; i < sites.size(); ++i) {
    Site& site = sites[i];
    std::ranges::sort(site.live, {}, &profile::Cohort::birth_ns);
    keep_growing(site.size_steps);
    const auto named = std::ranges::find_if(site.frames, [](const Frame& f) { return !f.is_plumbing; });
    if (named != site.frames.end()) site.named_frame = static_cast<std::size_t>(named - site.frames.begin());
    for (const auto& [label, bytes] : labels[i]) {
      if (site.inuse_bytes > 0 && bytes > 0) site.labels.emplace_back(label, bytes / site.inuse_bytes);
    }
    std::ranges::stable_sort(site.labels, std::greater{}, &std::pair<std::string, double>::second);
  }
  std::ranges::stable_sort(sites, std::greater{}, &Site::inuse_bytes);
  return sites;
}

}  // namespace holdfast::diagnose
