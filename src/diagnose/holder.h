// Who holds the live blocks of a site, as chains from a named root through heap blocks. Plain values, made by
// src/chains from what a running process answered; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace holdfast::diagnose {

enum class RootKind { global, thread_local_variable, stack, memory, cycle, nothing, unfinished };
// As JSON writes it: "global", "thread_local", "stack", "memory", "cycle", "nothing", "unfinished".
const char* name(RootKind kind);

// One block of a chain.
struct HolderStep {
  std::string what;           // "std::map node", "closure make_handler(...)::{lambda}", "buffer"
  std::string allocated_in;   // function, with file and line where known; empty: unknown
  std::uint64_t size = 0;     // bytes
  std::uint64_t offset = 0;   // how far inside the block the pointer points
  bool is_list = false;       // stands for several like blocks in a row
  bool is_guess = false;      // its bounds, and so the link from it, are a guess
  std::uint64_t address = 0;  // of one example
};

struct HolderChain {
  RootKind kind = RootKind::nothing;
  std::string root;  // "global `router.routes : std::map<...>`"; empty for cycle, nothing, unfinished
  std::vector<HolderStep> steps;  // from the root to the site's block, that one included
  std::uint64_t count = 0;        // examined blocks held this way
  bool is_guess = false;
};

struct Holders {
  std::uint64_t live_blocks = 0, live_bytes = 0, examined = 0;
  std::vector<HolderChain> chains;  // most frequent first
  std::string way;                  // how the memory was read: "helper"
  std::uint64_t scanned_bytes = 0, passes = 0, cpu_ms = 0, wall_ms = 0, blocks_followed = 0, own_bytes = 0;
  bool is_exact = false;
  std::vector<std::string> notes;  // caps that were hit
};

// "global `router.routes` -> std::map node -> closure make_handler(...)::{lambda} -> buffer".
std::string one_line(const HolderChain& chain);

}  // namespace holdfast::diagnose
