// What a process answered when asked who holds a site's blocks, decoded: addresses and words, not yet named.
// The bytes come from outside: whatever they say, decoding ends in a Dump or an Error. Any thread; allocates
// in proportion to the bytes. The form is described in docs/holders.md; src/holders/dump.cc writes it.
#pragma once

#include <holdfast/result.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace holdfast::chains {

struct Module {
  std::string path, build_id;
  std::uint64_t bias = 0;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> segments;  // first address, one past the last

  bool contains(std::uint64_t address) const;
};

struct Thread {
  std::uint64_t id = 0;
  std::string name;
  std::uint64_t program_counter = 0, control_block = 0;
};

struct TlsBlock {
  std::uint64_t bias = 0, offset = 0, size = 0;  // of a module: this far below each thread's control block
};

struct Frame {
  std::uint64_t address = 0;  // return address
  std::string name;           // empty when unknown
};

struct Link {
  std::uint64_t at = 0;  // of the pointer
  std::uint64_t offset_in_holder = 0;
  std::uint64_t offset = 0, start = 0, size = 0, repeat = 1;
  bool is_guess = false;
  std::optional<std::size_t> site;
  std::string type;                   // mangled class name, from RTTI
  std::vector<std::uint64_t> words;   // the block's first
  std::vector<std::uint64_t> around;  // from the pointer on
};

struct Root {
  std::string kind;  // "global", "thread_local", "stack", "heap", "memory"
  std::uint64_t at = 0;
  std::optional<std::size_t> thread;
  bool is_runtime = false;
  std::vector<std::uint64_t> below, above;
};

struct Chain {
  std::uint64_t count = 0;
  std::string end;  // "root", "unknown", "cycle", "lost", "changed", "cut"
  std::optional<Root> root;
  std::vector<Link> links;
};

struct Dump {
  bool is_exact = false, cut_by_memory = false, cut_by_time = false, knows_heap = false, walk_is_complete = false;
  std::uint64_t live_blocks = 0, live_bytes = 0, examined = 0;
  std::uint64_t passes = 0, scanned_bytes = 0, blocks_followed = 0, own_bytes = 0, cpu_ms = 0, wall_ms = 0;
  std::string way;
  std::vector<Chain> chains;
  std::vector<std::vector<Frame>> sites;  // stacks, leaf first
  std::vector<Module> modules;
  std::vector<Thread> threads;
  std::vector<TlsBlock> tls;
};

// Indices in the result are valid.
Result<Dump> decode_dump(const std::string& bytes);

}  // namespace holdfast::chains
