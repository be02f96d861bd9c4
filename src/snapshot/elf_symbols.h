// Names of functions out of an ELF file. Reads with pread only: a file that is truncated or overwritten in
// place while we look gives wrong bytes, never a SIGBUS. Every offset and size in the file is taken as a
// claim to be checked. ELF64 in the machine's byte order. Not read: .gnu_debugdata, since Debian builds none
// and it would bring in an xz decoder; a separate file under /usr/lib/debug serves the same need there.
// Called on a quiet thread; blocks on the disk; allocates in proportion to the addresses asked for.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace holdfast::snapshot {

struct FoundSymbol {
  std::string name;         // as the linker knows it, without a version; empty when there is none
  std::uint64_t start = 0;  // virtual address in the file
};

// Which file is meant: paths may have come to mean another since it was mapped.
struct FileIdentity {
  std::string build_id;     // decides when not empty
  std::uint64_t inode = 0;  // else this
};

enum class SymbolTable { full, dynamic };

// One symbol per address (ascending virtual addresses of the file). Nothing when the file cannot be read, is
// not the one meant, or has no such table.
std::optional<std::vector<FoundSymbol>> find_symbols_in_file(const std::string& path,
                                                             const FileIdentity& identity, SymbolTable table,
                                                             std::span<const std::uint64_t> addresses);

// A linker's name without its "@@VERSION", cut at 10 KB.
std::string plain_symbol_name(std::string_view name);

}  // namespace holdfast::snapshot
