// What a DWARF entry of a function is called, written as demanglers write it. Any thread, one at a time per
// Dwarf; allocates the text it returns.
#pragma once

#include <elfutils/libdw.h>

#include <string>

namespace holdfast::lines {

struct Name {
  std::string shown;    // "ns::Cache::put(int)"; arguments as "(...)" where the compiler left no mangled name
  std::string mangled;  // empty where there is none
};

// Of a subprogram or an inlined subroutine; empty when the entry has no name at all.
Name name_of(Dwarf_Die function);

}  // namespace holdfast::lines
