// gzip in memory, with a limit on what comes out: a profile from outside may be a bomb.
// Pure functions, any thread; allocate.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include <holdfast/result.h>

namespace holdfast::base {

bool is_gzip(std::string_view bytes) noexcept;

// Level 1 by default: the server is waiting, and profiles compress well at any level.
std::string gzip(std::string_view bytes, int level = 1);

// All members of a gzip stream, in order. Error when truncated, corrupted, followed by garbage, or larger than `limit`
// bytes when inflated.
Result<std::string> gunzip(std::string_view bytes, std::size_t limit);

}  // namespace holdfast::base
