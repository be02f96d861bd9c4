// Explains addresses: which function, in which mapping. Names come from .symtab of the file on disk (or of
// its separate debug file), else .dynsym, else the dynamic symbols in memory; no DWARF is read. Called on a
// quiet thread that makes a snapshot or answers /symbol; any thread, one at a time inside; allocates.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "snapshot/fork_mutex.h"
#include "snapshot/modules.h"

namespace holdfast::snapshot {

struct Symbol {
  std::string name;         // demangled; "libfoo.so+0x1234" where no symbol is known
  std::string system_name;  // as the linker knows it; the same as `name` where no symbol is known
  std::uint64_t start = 0;  // address of the function; the address itself where no symbol is known
  bool is_known = false;
};

// A mapping as a profile lists it.
struct CodeMapping {
  CodeRange range;
  std::string path;
  std::string build_id;
};

inline constexpr std::uint32_t kOutsideMappings = 0xffffffffu;

struct ExplainedAddress {
  std::shared_ptr<const Symbol> symbol;      // never null
  std::uint32_t mapping = kOutsideMappings;  // index into Explanation::mappings
};

struct Explanation {
  // The main executable's first, then everything loaded, then what was closed if an address lies in it.
  std::vector<CodeMapping> mappings;
  std::vector<ExplainedAddress> addresses;  // one per address asked for
};

class Symbolizer {
 public:
  // Explained addresses kept for the next snapshot; about 100 bytes each. Beyond that all are forgotten and
  // read anew.
  static constexpr std::size_t kMaxCached = 200'000;

  // `modules` must outlive the symbolizer.
  explicit Symbolizer(ModuleCache& modules);

  // Explains addresses that lie inside instructions: for a frame, its return address minus one. One pass over
  // the symbol table of each module with addresses not seen before: about 10 ms per 100,000 symbols; later
  // calls only look up.
  Explanation explain(std::span<const std::uint64_t> addresses);

 private:
  struct Key {
    std::uint64_t module = 0;
    std::uint64_t address = 0;
    bool operator==(const Key&) const = default;
  };
  struct KeyHash {
    std::size_t operator()(const Key& key) const noexcept;
  };
  using Cache = std::unordered_map<Key, std::shared_ptr<const Symbol>, KeyHash>;

  void look_up(const Module& module, std::vector<std::uint64_t> addresses);

  ModuleCache& modules_;
  ForkMutex mutex_;
  Cache by_address_;
  Cache by_start_;  // so that the frames of one function share its names
};

// `mangled` in plain C++ as __cxa_demangle writes it, at most 64 KB; unchanged when it is no mangled name.
std::string demangle(const std::string& mangled);

}  // namespace holdfast::snapshot
