// A name for a row of the profile that survives renumbering: pprof gives locations new ids and sorts samples
// and labels when it writes a profile back, but leaves addresses and labels as they are. Part of the file
// format (the carrier of the history refers to samples by it), so its definition cannot change without a new
// carrier version. Pure function, any thread; allocates when the sample has labels.
#pragma once

#include <cstdint>

#include "profile/profile.h"

namespace holdfast::profile {

// FNV-1a, 64 bits, over the location addresses (leaf first, 8 bytes each, little endian; a location without
// an address counts as the names of its lines) and the labels in sorted order, as UTF-8. Indices of `sample`
// must be valid in `profile`.
std::uint64_t stack_key(const Profile& profile, const Sample& sample);

}  // namespace holdfast::profile
