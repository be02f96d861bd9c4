// "Who holds the live blocks of these sites?", asked of this process: looks around, searches in a helper that
// shares the memory (or by the ways that are left where none may be made), and tells the chains as plain
// records. One at a time, on a quiet thread; the program's threads run on. Allocates a little before and
// after; the search itself only on mapped pages.
#pragma once

#include <holdfast/result.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "holders/answer.h"
#include "holders/graph.h"
#include "holders/surroundings.h"

namespace holdfast::holders {

struct Query {
  // Live blocks whose holders are looked for. On mapped pages: in the program's heap the list would be their
  // holder.
  base::RawVector<Block> wanted;
  std::int64_t time_limit_ms = 60'000;
  std::size_t memory_limit = std::size_t{128} << 20;  // of the search's own tables
  bool walks_glibc = false;               // glibc's malloc is behind: its heaps are walked for blocks nobody recorded
  bool is_exact = true;                   // every block is recorded
  std::optional<Way> only;                            // one way of reading and no other; for tests
};

struct Findings {
  Surroundings around;
  Graph graph;
  Answer answer;
  Way way = Way::helper;
  bool cut_by_memory = false, cut_by_time = false;
  bool knows_heap = true;       // words of the heap outside of known blocks are nobody's
  bool walk_is_complete = true;
  std::int64_t wall_ms = 0;
};

// Error when no way of reading works, memory is short, or the helper died.
Result<std::unique_ptr<Findings>> search_holders(record::Recorder& recorder, const Blocks& blocks,
                                                 const Query& query);

// The graph of the search under way, for those who ask how far it is; nullptr when none is. Valid while it
// runs.
struct Underway {
  std::uint32_t passes = 0;
  std::uint64_t scanned_bytes = 0;
};
std::optional<Underway> search_underway() noexcept;

// Has a search under way end soon, without a root for what it has not found yet. For a session that closes. Any thread.
void abandon_search() noexcept;

}  // namespace holdfast::holders
