// The functions of one program file by its DWARF: which code an address belongs to, inlined calls included.
// Units are indexed by their ranges when this is made, the functions of a unit at the first question about
// it; nothing is needed of .debug_aranges, which clang does not write. One thread; allocates.
#pragma once

#include <elfutils/libdw.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "lines/names.h"

namespace holdfast::lines {

struct SourceFrame {
  Name function;
  std::string file;  // absolute where the compiler said so; empty when unknown
  std::int64_t line = 0;
};

class Functions {
 public:
  // `dwarf` must outlive this.
  explicit Functions(Dwarf* dwarf);

  // The frames at an address as the DWARF has it, innermost inlined call first, the function that was called
  // last; empty when no function with debug information holds the address.
  std::vector<SourceFrame> at(Dwarf_Addr address);

 private:
  struct Range {
    Dwarf_Addr low = 0, high = 0;
    std::uint64_t what = 0;  // of a unit: its index; of a function: its entry's offset
  };
  struct Unit {
    Dwarf_Off entry = 0;
    bool is_indexed = false;
    std::vector<Range> functions;  // ascending
  };

  static void add_ranges(Dwarf_Die& die, std::uint64_t what, std::vector<Range>& ranges);
  static void add_functions(Dwarf_Die& parent, std::vector<Range>& functions, int depth);
  static const Range* find(const std::vector<Range>& ranges, Dwarf_Addr address);
  const Name& name(Dwarf_Die& function);

  Dwarf* dwarf_;
  std::vector<Unit> units_;
  std::vector<Range> unit_ranges_;   // ascending
  std::map<Dwarf_Off, Name> names_;  // by entry
};

}  // namespace holdfast::lines
