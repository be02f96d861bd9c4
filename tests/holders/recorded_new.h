// operator new of this test program, noting the blocks it gives out while a Recording lives, for searches to
// know.
#pragma once

#include <cstddef>
#include <vector>

#include "base/raw_memory.h"
#include "holders/blocks.h"

namespace holdfast::testing {

// Blocks allocated by the calling thread while this lives; each is forgotten when it is freed. One at a time.
class Recording {
 public:
  Recording();
  Recording(const Recording&) = delete;
  Recording& operator=(const Recording&) = delete;
  ~Recording();

  // Ascending, as of now; in memory that no search takes for the program's.
  void read(base::RawVector<holders::Block>& out) const;
};

}  // namespace holdfast::testing
