// The desk's half of symbolization: a server names functions, the desk adds what takes DWARF, the inlined
// calls and the lines, where the very files (by build id) are on this machine.
#pragma once

#include "profile/profile.h"

namespace holdfast::lines {

// Expands each location that has one frame and no line: inlined calls become frames of their own, each with
// file and line, and the mapping's has_* flags say so. Names that the profile has stay; what has no debug
// information here stays as it is. Stacks, values and histories are untouched. One thread; reads files; a
// second for about a hundred thousand locations.
void add_lines(profile::Profile& profile);

}  // namespace holdfast::lines
