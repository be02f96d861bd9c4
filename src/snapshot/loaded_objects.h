// What the dynamic loader has loaded: bias, segments and build id of each object, and its dynamic symbols as
// they lie in memory. Reads the objects' own memory while the loader's list is locked, so that no dlclose can
// unmap it meanwhile. Called on a quiet thread; allocates.
#pragma once

#include <elf.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace holdfast::snapshot {

struct LoadedObject {
  std::uint64_t bias = 0;
  std::string name;      // as the loader knows it; empty for the main executable
  std::string build_id;  // lower-case hex, or empty
  struct Segment {
    std::uint64_t start, limit;  // addresses
  };
  std::vector<Segment> segments;  // what PT_LOAD maps

  bool contains(std::uint64_t address) const;
};

// The main executable first.
std::vector<LoadedObject> loaded_objects();

struct DynamicSymbols {
  std::vector<Elf64_Sym> symbols;
  std::string names;  // the string table
};

// A copy of .dynsym and .dynstr of the object loaded at `bias` with this build id; nothing when it is gone,
// has none, or they exceed 16 MiB.
std::optional<DynamicSymbols> dynamic_symbols_in_memory(std::uint64_t bias, const std::string& build_id);

// The id in a block of ELF notes as lower-case hex; empty when there is none. Never reads beyond `size`.
std::string build_id_in_notes(const char* notes, std::size_t size);

}  // namespace holdfast::snapshot
