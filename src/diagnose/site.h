// The sites of a profile as a verdict sees them: rows whose application frames are the same, in any build, count as one.
// Pure, any thread; allocates in proportion to the profile.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "profile/profile.h"

namespace holdfast::diagnose {

struct Frame {
  std::string function;  // for people: arguments shortened; "libfoo.so+0x12" where no name is known
  std::string file;      // empty when unknown
  std::int64_t line = 0;
  std::string module;    // base name of the mapping's file
  bool is_plumbing = false;
  bool operator==(const Frame&) const = default;
};

struct Site {
  std::string fingerprint;      // 16 hex digits: normalised application frames, without addresses and line numbers
  std::vector<Frame> frames;    // of its largest row, leaf first, inlined ones included
  std::size_t named_frame = 0;  // index of the frame the site is called after: the first that is no plumbing

  double alloc_objects = 0, alloc_bytes = 0, inuse_objects = 0, inuse_bytes = 0;  // unbiased
  bool has_history = false;
  std::uint64_t alloc_samples = 0, freed_samples = 0;
  std::array<std::uint64_t, profile::kLifetimeBuckets> lifetimes{};
  std::vector<profile::Cohort> live;           // ascending birth
  std::vector<profile::SizeStep> size_steps;   // ascending time
  std::vector<std::pair<std::string, double>> labels;  // "tenant=acme", share of the bytes in use; largest first

  // "make_handler(...)", with file and line or the module where known.
  std::string name() const;
};

// Largest bytes in use first. Sums over the rows of each site; rows without frames are one site, "[no stack]".
std::vector<Site> sites_of(const profile::Profile& profile);

}  // namespace holdfast::diagnose
