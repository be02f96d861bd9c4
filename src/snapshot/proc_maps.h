// The lines of a /proc/<pid>/maps text. Pure parsing, any thread; allocates.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "snapshot/modules.h"

namespace holdfast::snapshot {

struct MappedCode {
  CodeRange range;
  std::uint64_t inode = 0;
  std::string path;  // without " (deleted)"; empty for anonymous code
};

// In the order of the text. Lines that are not of the kernel's form are skipped.
std::vector<MappedCode> parse_executable_mappings(std::string_view maps);

// Any line.
struct Mapped {
  CodeRange range;
  bool is_readable = false, is_writable = false, is_executable = false, is_private = false;
  std::uint64_t inode = 0;
  std::string path;  // without " (deleted)"; "[heap]", "[stack]", "[anon:name]"; empty for anonymous memory
};
std::vector<Mapped> parse_mappings(std::string_view maps);

// The text of /proc/self/maps, at most 64 MiB of it; empty when it cannot be read.
std::string read_own_maps();

}  // namespace holdfast::snapshot
