// Who points at whom, as far as the search has found: blocks, and the words that point at them. On mapped
// pages of a fixed bound, so that nothing is allocated while it grows in the helper. One thread at a time.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "holders/blocks.h"

namespace holdfast::holders {

inline constexpr std::uint32_t kNone = 0xffffffffu;

struct Node {
  Block block;
  std::uint32_t first_edge;  // of the words that point at it
  std::uint32_t first_out;   // of the words in it, once ranked
  std::uint32_t cost;        // of the best chain from a root; kNone without one
  std::uint32_t best;        // the edge of that chain nearest to this block
  std::uint32_t run_head;    // the first of the like blocks (a list's nodes) that end here on that chain
  std::uint32_t run_length;
  std::uint32_t next_in_queue, previous_in_queue;  // while ranking
  std::uint16_t edges;
  std::uint8_t mark;  // of the round of verification, or of the walk, that came by last
  bool is_wanted;     // one of the blocks asked about
  bool is_rooted;     // a global or a thread-local points at it: nobody further is looked for
};

// A word of the program that holds the address of a block.
struct Edge {
  std::uintptr_t at;       // where the word lies
  std::uint32_t holder;    // node of the block it lies in; kNone for a root
  std::uint32_t next;      // of the same held block
  std::uint32_t next_out;  // of the same holder, once ranked
  std::uint32_t held;      // node
  std::uint32_t offset;    // the word points this far into the held block
  bool is_broken;          // did not hold when read again
  bool is_verified;        // held when read again
  bool is_end;             // perhaps no pointer to the block, but to the end of the one before it
};

// What the helper tells while it works and when it is done.
struct Progress {
  std::atomic<std::uint64_t> scanned_bytes;
  std::atomic<std::uint32_t> passes;
  std::uint64_t cpu_ns;
  bool out_of_time;
  bool cannot_read;  // this way of reading does not work here
};

class Graph {
 public:
  static constexpr int kEdgesPerNode = 32;  // of heap holders; roots have as many again

  Graph() = default;
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;
  ~Graph();

  // Address space for what fits into `bytes`; `shared` when a forked child is to fill it. False when it is
  // not to be had.
  bool reserve(std::size_t bytes, bool shared) noexcept;

  // The node of the block that starts there, or kNone.
  std::uint32_t find(std::uintptr_t start) const noexcept;
  // Its node, made if need be; kNone when there is no room (full() says so from then on).
  std::uint32_t add(const Block& block, bool& is_new) noexcept;
  // Notes a word. Beyond the bound per node, words that point at the start replace ones that point inside.
  void link(std::uint32_t held, std::uint32_t holder, std::uintptr_t at, std::uintptr_t word,
            bool is_end) noexcept;

  Node& node(std::uint32_t i) noexcept { return nodes_[i]; }
  const Node& node(std::uint32_t i) const noexcept { return nodes_[i]; }
  Edge& edge(std::uint32_t i) noexcept { return edges_[i]; }
  const Edge& edge(std::uint32_t i) const noexcept { return edges_[i]; }
  std::uint32_t nodes() const noexcept { return used_->nodes; }
  std::uint32_t edges() const noexcept { return used_->edges; }
  bool full() const noexcept { return used_->full; }
  std::size_t bytes_used() const noexcept;
  Progress& progress() noexcept { return used_->progress; }
  const Progress& progress() const noexcept { return used_->progress; }

  // Where the mapping lies, to be left out of the search.
  std::uintptr_t start() const noexcept { return reinterpret_cast<std::uintptr_t>(memory_); }
  std::size_t reserved() const noexcept { return reserved_; }

 private:
  struct Used {
    std::uint32_t nodes, edges;
    bool full;
    Progress progress;
  };
  void* memory_ = nullptr;
  std::size_t reserved_ = 0;
  Used* used_ = nullptr;
  Node* nodes_ = nullptr;
  Edge* edges_ = nullptr;
  std::uint32_t* slots_ = nullptr;  // hash table: node + 1
  std::uint32_t max_nodes_ = 0, max_edges_ = 0, slot_mask_ = 0;
};

}  // namespace holdfast::holders
