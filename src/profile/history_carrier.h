// How the history (ages, lifetimes, work) travels inside a pprof profile: as one comment
//     #holdfast:1:<base64 of a zlib stream of a protobuf message>
// pprof hides comments that begin with '#' from its reports and keeps them when it writes a profile back;
// other readers ignore comments. The message is described in docs/decisions/0001-carrier-of-ages.md. Called
// by the pprof codec only. Pure functions, any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "profile/profile.h"

namespace holdfast::profile {

// Whether a comment is a carrier, of whatever version.
bool is_carrier(std::string_view comment) noexcept;

// `profile.history` as a comment; it must be present. Counts come back exactly, and in exact mode so do
// bytes. Births are cut to microseconds (the unit of lifetimes). What sampling estimated is kept to 24 bits,
// an error of 6e-8 beside a sampling error of percents, and second moments, which only set the width of
// intervals, to 3e-7. Encoding what was decoded changes nothing any more.
std::string encode_history(const Profile& profile);

// Second moments of a cohort whose blocks have one size, from its samples, objects and bytes (see history.h).
// The message leaves out what these tell.
double squares_of_one_size(const Cohort& cohort) noexcept;
double variance_of_one_size(const Cohort& cohort) noexcept;

// Fills `profile.history` from the carriers found among its comments, attaching each site to the sample with
// the same stack and labels; `profile.samples` and what they refer to are already complete. None of the
// carriers readable, or more than one (a merged profile has no single history): no history, and
// `profile.history_note` says why.
void attach_history(Profile& profile, const std::vector<std::string>& carriers);

}  // namespace holdfast::profile
