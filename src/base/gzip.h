// gzip and zlib streams in memory, with a limit on what comes out: bytes from outside may be a bomb.
// Pure functions, any thread; allocate no more than about twice what they return.
#pragma once

#include <holdfast/result.h>

#include <cstddef>
#include <string>
#include <string_view>

namespace holdfast::base {

bool is_gzip(std::string_view bytes) noexcept;

// Level 1 by default: the server is waiting, and profiles compress well at any level. Same input, same
// output: the header carries no time and no name.
std::string gzip(std::string_view bytes, int level = 1);

// All members of a gzip stream, in order. Error when truncated, corrupted, followed by garbage, or larger
// than `limit` bytes when inflated.
Result<std::string> gunzip(std::string_view bytes, std::size_t limit);

// The same for one zlib stream (RFC 1950): two bytes of header instead of ten, for streams inside other
// formats.
std::string zlib_deflate(std::string_view bytes, int level = 6);
Result<std::string> zlib_inflate(std::string_view bytes, std::size_t limit);

}  // namespace holdfast::base
