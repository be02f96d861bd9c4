// The chains of the wanted blocks as plain records, with the few words of memory from which names can be made
// later, on the desk. Filled in the helper on mapped pages: no allocation, no locks.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/raw_memory.h"
#include "holders/graph.h"
#include "holders/layout.h"
#include "holders/rank.h"
#include "holders/reader.h"

namespace holdfast::holders {

inline constexpr int kWordsOfBlock = 8;
inline constexpr int kWordsAround =
    4;  // the pointer and what follows it: a std::function's two code pointers
inline constexpr int kFramesOfStack = 8;
inline constexpr std::uint32_t kMaxLinks = 48;  // of one chain, lists already folded
inline constexpr std::uint32_t kMaxChains = 4096;

// One block on a chain and the word that holds it.
struct Link {
  std::uint32_t edge;       // into the graph
  std::uint32_t node;       // the block; of a folded run the last one
  std::uint32_t repeat;     // like blocks in a row that this one stands for
  std::uint32_t type_name;  // 1 + index of the class name found through its vtable; 0 when it has none
  std::uint8_t words;       // of `word` that could be read
  std::uint64_t word[kWordsOfBlock];
  std::uint64_t around[kWordsAround];  // from the pointer on, in its holder
};

enum class ChainEnd : std::uint8_t {
  root,     // a global, a thread-local, a stack
  unknown,  // memory nobody knows, or heap whose block is not known
  cycle,    // only blocks that hold each other
  lost,     // nothing points at it, or only blocks at which nothing points
  changed,  // its links did not hold when read again
  cut,      // a cap was hit before an end was found
};
const char* name(ChainEnd end) noexcept;

struct Chain {
  std::uint32_t wanted;      // node
  std::uint32_t first_link;  // links from the root to the wanted block
  std::uint32_t links;
  std::uint32_t count;  // of wanted blocks whose chains are the same
  ChainEnd end;
  std::uint8_t frames_below, frames_above;
  // Of a stack root: words between stack pointer and root, and beyond it, that look like return addresses,
  // nearest first.
  std::uint64_t below[kFramesOfStack], above[kFramesOfStack];
};

struct TypeName {
  std::uintptr_t vtable;
  char text[248];  // mangled, as RTTI has it; empty when there is none
};

class Answer {
 public:
  static constexpr std::uint32_t kMaxNames = 1024;

  Answer() = default;
  Answer(const Answer&) = delete;
  Answer& operator=(const Answer&) = delete;
  ~Answer();
  bool reserve(std::uint32_t chains, bool shared) noexcept;

  // One chain per wanted node, after rank.run(). `code` is where instructions lie, ascending.
  void collect(Graph& graph, Rank& rank, const base::RawVector<Range>& ranges,
               const base::RawVector<Range>& code, const Reader& reader) noexcept;

  std::uint32_t chains() const noexcept { return used_->chains; }
  const Chain& chain(std::uint32_t i) const noexcept { return chains_[i]; }
  const Link& link(std::uint32_t i) const noexcept { return links_[i]; }
  const TypeName& type_name(std::uint32_t i) const noexcept { return names_[i]; }

  std::uintptr_t start() const noexcept { return reinterpret_cast<std::uintptr_t>(memory_); }
  std::size_t reserved() const noexcept { return reserved_; }

 private:
  struct Used {
    std::uint32_t chains, links, names, visited;
  };
  struct Context {
    Graph& graph;
    Rank& rank;
    const base::RawVector<Range>& ranges;
    const base::RawVector<Range>& code;
    const Reader& reader;
  };
  void follow(const Context& c, std::uint32_t wanted) noexcept;
  void follow_cycle(const Context& c, Chain& chain) noexcept;
  bool same(const Context& c, const Chain& a, const Chain& b) const noexcept;
  void describe(const Context& c, Link& link) noexcept;
  void read_stack(const Context& c, Chain& chain, std::uintptr_t at) noexcept;
  std::uint32_t type_of(const Context& c, std::uintptr_t vtable) noexcept;

  void* memory_ = nullptr;
  std::size_t reserved_ = 0;
  Used* used_ = nullptr;
  Chain* chains_ = nullptr;
  Link* links_ = nullptr;
  TypeName* names_ = nullptr;
  std::uint32_t max_chains_ = 0;
};

}  // namespace holdfast::holders
