// Global and thread-local variables of one module by DWARF: which one lies at an address, which member of it,
// of what type. The index of a module is made at the first question: every unit is walked once. One thread;
// allocates.
#pragma once

#include <elfutils/libdw.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "chains/program.h"

namespace holdfast::chains {

class Variables {
 public:
  // `dwarf` must outlive this.
  explicit Variables(Dwarf* dwarf);

  // At a virtual address of the file, or at an offset in the thread-local block.
  std::optional<Variable> at(std::uint64_t address, bool is_thread_local) const;

 private:
  struct Known {
    std::uint64_t address;
    Dwarf_Off die;
    bool is_thread_local;
  };
  void index(Dwarf_Die* parent, int depth);

  Dwarf* dwarf_;
  std::vector<Known> known_;
};

// With the names of what it lies in; template arguments as the compiler wrote them.
std::string type_name(Dwarf_Die* die);
// Of a subprogram or an inlined one, demangled where it has a linkage name.
std::string function_name(Dwarf_Die* die);

}  // namespace holdfast::chains
