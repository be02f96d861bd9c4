// Symbol names, paths and labels are bytes; protobuf strings are UTF-8, and Parca and Pyroscope refuse
// others. Pure functions, any thread; allocate only when something must be replaced.
#pragma once

#include <string>
#include <string_view>

namespace holdfast::profile {

// RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF.
bool is_utf8(std::string_view bytes) noexcept;

// `bytes` with each byte that is not part of a valid sequence written as `\xff` (four visible characters), so
// that two different broken names stay different. Idempotent.
std::string to_utf8(std::string_view bytes);

}  // namespace holdfast::profile
