// The name of an allocation site between a process and those who ask about it: a hash of its stack, the same
// in a profile taken from the process and in the process itself. Not the same in another run.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/random.h"

namespace holdfast::base {

// `return_addresses` leaf first. A profile's locations hold return address - 1: add the 1 again, by
// `correction`.
template <typename Address>
std::uint64_t site_key(const Address* return_addresses, std::size_t depth,
                       std::uint64_t correction = 0) noexcept {
  std::uint64_t key = 0x686f6c6466617374 ^ depth;
  for (std::size_t i = 0; i < depth; ++i) {
    key = mix(key ^ (static_cast<std::uint64_t>(return_addresses[i]) + correction)) + 0x9e3779b97f4a7c15ull;
  }
  return key;
}

}  // namespace holdfast::base
