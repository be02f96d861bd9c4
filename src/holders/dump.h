// The findings as the endpoint answers them: JSON of addresses, sizes, a few words per block, and modules
// with build ids. Names are made on the desk, but for functions of stacks, which the server knows anyway.
// Quiet thread; allocates. The form is docs/holders.md's; src/chains reads it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "holders/query.h"

namespace holdfast::holders {

// The blocks asked about.
struct Asked {
  std::uint64_t live_blocks = 0;
  std::uint64_t live_bytes = 0;
  std::uint64_t examined = 0;
  bool is_exact = false;  // every block is known; else only sampled ones, and what a walk of the heap finds
};

// `names` gives a name for each address inside an instruction, empty where none is known.
std::string write_dump(
    const Findings& findings, const Asked& asked, const record::SiteTable& sites,
    const std::function<std::vector<std::string>(const std::vector<std::uint64_t>&)>& names);

}  // namespace holdfast::holders
