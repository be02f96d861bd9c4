// The binary CPU profile that gperftools' profiler writes: counted stacks of addresses. Pure, any thread;
// allocates. Format: https://gperftools.github.io/gperftools/cpuprofile-fileformat.html
#pragma once

#include <holdfast/result.h>

#include <cstdint>
#include <string_view>
#include <vector>

namespace holdfast::profile {

struct CpuStack {
  std::uint64_t count = 0;  // times it was seen
  std::vector<std::uint64_t>
      addresses;  // inside instructions, leaf first: callers' return addresses less one
};

struct CpuStacks {
  std::int64_t period_nanos = 0;  // between two looks at the program
  std::vector<CpuStack> stacks;
};

// Words of this machine's size and order; the map of libraries that follows the stacks is not looked at.
// Error for anything truncated or out of proportion.
Result<CpuStacks> decode_legacy_cpu(std::string_view bytes);

}  // namespace holdfast::profile
