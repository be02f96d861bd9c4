// How much a profile from outside may ask for. The defaults are far above real profiles (Holdfast's own stay
// below 4 MiB; the largest jemalloc dumps seen are some 100 MB) and far below what would hurt a desk machine.
#pragma once

#include <cstddef>

namespace holdfast::profile {

struct DecodeLimits {
  std::size_t input_bytes = std::size_t{256} << 20;  // as it came, and again when inflated
  std::size_t model_bytes = std::size_t{1}
                            << 30;  // of the decoded Profile: a name used a million times counts so often
};

}  // namespace holdfast::profile
