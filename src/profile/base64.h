// Base64 (RFC 4648, section 4: the standard alphabet, padded). Pure functions, any thread; allocate the
// result.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace holdfast::profile {

std::string base64_encode(std::string_view bytes);

// Strict: no white space, no missing padding, no stray bits; nullopt otherwise.
std::optional<std::string> base64_decode(std::string_view text);

}  // namespace holdfast::profile
