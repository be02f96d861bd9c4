// Picks the best chain of each wanted block and reads every link of it again. Runs in the helper after the
// search: no allocation, no locks.
//
// A chain costs what its root costs plus its hops. A hop between blocks of equal size is free, for a list is
// one holder however long it is; globals and thread-locals are believed first and alike; stacks come ten hops
// later, as they are full of what functions left behind; the data of libc and the allocator after them, and
// memory nobody knows last.
#pragma once

#include <cstdint>

#include "base/raw_memory.h"
#include "holders/graph.h"
#include "holders/layout.h"
#include "holders/reader.h"

namespace holdfast::holders {

inline constexpr std::uint32_t kHopCost = 4;
inline constexpr std::uint32_t kInsideCost = 1;  // points inside the block, not at its start
inline constexpr std::uint32_t kEndCost = 2;  // perhaps only the end of the block before
inline constexpr std::uint32_t kGuessCost = 8;   // the bounds of the holding block are a guess
inline constexpr std::uint32_t kStackCost = 40;
inline constexpr std::uint32_t kRuntimeCost = 80;
inline constexpr std::uint32_t kUnknownCost = 4000;  // from here on a chain's root is no root

class Rank {
 public:
  // All must outlive this.
  Rank(const base::RawVector<Range>& ranges, const Blocks& blocks, const Reader& reader,
       Graph& graph) noexcept
      : ranges_(ranges), blocks_(blocks), reader_(reader), graph_(graph) {}

  // Costs, best edges and runs of all nodes; then every link of the wanted blocks' chains is read again, and
  // where one does not hold it is struck out and all is ranked anew. False when some still broke after
  // kRounds.
  bool run() noexcept;

  // Whether the word is still where it was and still points at the block, and both blocks live.
  bool holds(Edge& edge) noexcept;

 private:
  static constexpr int kRounds = 8;
  static constexpr std::uint32_t kBuckets = 8192;  // costs beyond share the last one

  void connect() noexcept;
  void measure() noexcept;
  std::uint32_t root_cost(const Edge& edge) const noexcept;
  std::uint32_t hop_cost(const Edge& edge) const noexcept;
  void offer(std::uint32_t edge, std::uint32_t cost) noexcept;
  void settle(std::uint32_t node) noexcept;
  void enqueue(std::uint32_t node) noexcept;
  void dequeue(std::uint32_t node) noexcept;
  bool verify(std::uint32_t node, std::uint8_t round) noexcept;

  const base::RawVector<Range>& ranges_;
  const Blocks& blocks_;
  const Reader& reader_;
  Graph& graph_;
  std::uint32_t buckets_[kBuckets];
  bool is_connected_ = false;
};

}  // namespace holdfast::holders
