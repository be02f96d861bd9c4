// pprof's profile.proto, gzipped: the format of /debug/pprof/heap and of files that `go tool pprof`, Parca,
// Pyroscope and Speedscope read. The server encodes it (its serving thread), the desk decodes it. Pure
// functions, any thread. Field numbers: https://github.com/google/pprof/blob/main/proto/profile.proto
#pragma once

#include <holdfast/result.h>

#include <string>
#include <string_view>

#include "profile/limits.h"
#include "profile/profile.h"

namespace holdfast::profile {

// The profile as it is, row for row, with ids 1..N in the order of the model; the history travels in a
// comment (see history_carrier.h). Strings that are not UTF-8 are written with visible escapes (see utf8.h).
// Every index in `profile` must be valid and each sample must have one value per sample type.
// For the history to survive pprof's own saving, `drop_frames` must match no frame of the profile.
std::string encode_pprof(const Profile& profile);

// Gzipped or bare. Strict: an Error for anything truncated, dangling, duplicated or out of proportion.
// Unknown fields are skipped, repeated numbers may be packed or not. A history that cannot be read costs only
// the history: see Profile::history_note.
Result<Profile> decode_pprof(std::string_view bytes, const DecodeLimits& limits = {});

}  // namespace holdfast::profile
