// Picks the symbol of each of a batch of addresses in one pass over a symbol table, so that no index of a
// table of millions has to be kept: memory is proportional to the addresses asked for. Pure, one thread;
// allocates.
#pragma once

#include <elf.h>

#include <cstdint>
#include <span>
#include <vector>

namespace holdfast::snapshot {

// Where code lies in an ELF file, in its virtual addresses.
struct CodeSection {
  std::uint64_t start = 0, limit = 0;
};

struct SymbolChoice {
  bool found = false;
  std::uint64_t start = 0;  // virtual address of the symbol
  std::uint32_t name = 0;   // offset in the string table
};

class SymbolScan {
 public:
  // `addresses` ascending, as virtual addresses of the file; they must outlive the scan. An address outside
  // of every section in `code` gets no symbol.
  SymbolScan(std::span<const std::uint64_t> addresses, std::vector<CodeSection> code);

  // Functions (also IFUNC) and assembly labels count; other symbols are ignored.
  void add(const Elf64_Sym& symbol);

  // One choice per address: the innermost symbol that spans it; else the last one before it in its section,
  // if that one has no size (hand-written assembly). Among aliases the global name wins.
  std::vector<SymbolChoice> choose() const;

 private:
  struct Candidate {
    bool found = false;
    int rank = 0;
    std::uint64_t start = 0;
    std::uint64_t size = 0;
    std::uint32_t name = 0;
  };
  static bool better(const Candidate& a, const Candidate& b);
  const CodeSection* section_of(std::uint64_t address) const;

  std::span<const std::uint64_t> addresses_;
  std::vector<CodeSection> code_;       // ascending
  std::vector<Candidate> spanning_;     // per address
  std::vector<Candidate> preceding_;    // per address: the last symbol since the address before it
  std::uint64_t budget_ = 100'000'000;  // updates; only a table of absurdly overlapping symbols reaches it
};

}  // namespace holdfast::snapshot
