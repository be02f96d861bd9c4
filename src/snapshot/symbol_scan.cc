#include "snapshot/symbol_scan.h"

#include <algorithm>
#include <utility>

namespace holdfast::snapshot {
namespace {

// Global names are what people call a function; a local alias of it is an implementation detail of the
// library.
int rank_of(const Elf64_Sym& symbol) {
  switch (ELF64_ST_BIND(symbol.st_info)) {
    case STB_GLOBAL:
      return 3;
    case STB_WEAK:
      return 2;
    default:
      return 1;
  }
}

bool names_code(const Elf64_Sym& symbol) {
  if (symbol.st_shndx == SHN_UNDEF || symbol.st_shndx == SHN_ABS || symbol.st_name == 0) return false;
  const auto type = ELF64_ST_TYPE(symbol.st_info);
  if (type == STT_FUNC || type == STT_GNU_IFUNC) return true;
  // Labels of assembly such as _start. Local ones are the compiler's and the architecture's own marks.
  return type == STT_NOTYPE && ELF64_ST_BIND(symbol.st_info) != STB_LOCAL;
}

}  // namespace

SymbolScan::SymbolScan(std::span<const std::uint64_t> addresses, std::vector<CodeSection> code)
    : addresses_(addresses),
      code_(std::move(code)),
      spanning_(addresses.size()),
      preceding_(addresses.size()) {
  std::sort(code_.begin(), code_.end(),
            [](const CodeSection& a, const CodeSection& b) { return a.start < b.start; });
}

const CodeSection* SymbolScan::section_of(std::uint64_t address) const {
  const auto after =
      std::upper_bound(code_.begin(), code_.end(), address,
                       [](std::uint64_t wanted, const CodeSection& s) { return wanted < s.start; });
  if (after == code_.begin() || address >= (after - 1)->limit) return nullptr;
  return &*(after - 1);
}

bool SymbolScan::better(const Candidate& a, const Candidate& b) {
  if (!a.found || !b.found) return a.found;
  if (a.start != b.start) return a.start > b.start;
  // At one start a symbol with a size knows more than one without.
  return std::pair(a.size != 0, a.rank) > std::pair(b.size != 0, b.rank);
}

void SymbolScan::add(const Elf64_Sym& symbol) {
  if (!names_code(symbol)) return;
  const Candidate candidate{true, rank_of(symbol), symbol.st_value, symbol.st_size, symbol.st_name};
  const auto first = std::lower_bound(addresses_.begin(), addresses_.end(), candidate.start);
  if (first == addresses_.end() || !section_of(candidate.start)) return;
  auto at = static_cast<std::size_t>(first - addresses_.begin());
  if (better(candidate, preceding_[at])) preceding_[at] = candidate;
  for (; at < addresses_.size() && addresses_[at] - candidate.start < candidate.size && budget_ > 0; ++at) {
    --budget_;
    if (better(candidate, spanning_[at])) spanning_[at] = candidate;
  }
}

std::vector<SymbolChoice> SymbolScan::choose() const {
  std::vector<SymbolChoice> choices(addresses_.size());
  Candidate before;
  for (std::size_t i = 0; i < addresses_.size(); ++i) {
    if (better(preceding_[i], before)) before = preceding_[i];
    const CodeSection* section = section_of(addresses_[i]);
    if (!section) continue;
    const Candidate* chosen = nullptr;
    if (spanning_[i].found) {
      chosen = &spanning_[i];
    } else if (before.found && before.size == 0 && before.start >= section->start) {
      chosen = &before;
    }
    if (chosen) choices[i] = {true, chosen->start, chosen->name};
  }
  return choices;
}

}  // namespace holdfast::snapshot
