// A frozen heap with its addresses explained: the profile that every reader gets. Called on a quiet thread,
// after the recorder's locks are released; allocates in proportion to the limits.
#pragma once

#include <cstddef>
#include <string>

#include "profile/profile.h"
#include "snapshot/frozen.h"
#include "snapshot/symbols.h"

namespace holdfast::snapshot {

struct ProfileLimits {
  std::size_t max_samples = 16'000;              // rows, the folded one included
  std::size_t max_bytes = std::size_t{4} << 20;  // of the encoded profile before compression, about
};

// One row per site: unbiased values rounded to whole numbers, rows of nothing but zeros dropped, the largest
// first (by bytes in use, then by bytes allocated). What exceeds the limits is folded into one visible last
// row, and a comment says so. Each row carries the mean size of the site's allocations as the numeric label
// "bytes", and the labels the program gave as string labels; history.sites refers to the rows. `default_type` is "inuse_space" or "alloc_space".
profile::Profile to_profile(const Frozen& frozen, Symbolizer& symbolizer, const ProfileLimits& limits = {},
                            const std::string& default_type = "inuse_space");

// Frames of the allocator that pprof hides: the malloc family and operator new and delete, also as templates.
// Holdfast trims its own frames, so in its profiles this matches nothing; it is for profiles merged with
// those of others.
extern const char kDropFrames[];

}  // namespace holdfast::snapshot
