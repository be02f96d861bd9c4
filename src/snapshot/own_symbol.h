// Where a function of the executable lies, by its name: also one that the dynamic loader does not know.
#pragma once

#include <cstdint>
#include <string>

namespace holdfast::snapshot {

// Reads the symbol table of the running executable with pread. nullptr when it is stripped or has no such
// function. Ordinary code: blocks on the disk, allocates.
void* find_own_function(const std::string& name);

// The virtual address of the function in an ELF64 file of this machine; 0 when there is none. Every offset
// and size in the file is checked.
std::uint64_t find_function_in_file(const std::string& path, const std::string& name);

}  // namespace holdfast::snapshot
