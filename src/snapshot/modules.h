// Which code is in the process, and which was: the executable mappings of /proc/self/maps joined with what
// the dynamic loader knows of them (load bias, build id). Libraries closed with dlclose are remembered, so
// that stacks through them keep their names. Called on a quiet thread that explains snapshots, and by the
// hook around dlclose; allocates; any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "snapshot/fork_mutex.h"

namespace holdfast::snapshot {

// One executable mapping, as /proc/self/maps shows it.
struct CodeRange {
  std::uint64_t start = 0;   // first address
  std::uint64_t limit = 0;   // one past the last
  std::uint64_t offset = 0;  // file offset of `start`
  bool operator==(const CodeRange&) const = default;
};

struct Module {
  std::uint64_t id = 0;         // never given twice in a process
  std::string path;             // without " (deleted)"; "[vdso]"; "[anon]" for code without a file
  std::string build_id;         // lower-case hex, or empty
  std::uint64_t bias = 0;       // address minus the ELF file's virtual address
  std::uint64_t inode = 0;      // of the mapped file, 0 without one
  bool is_main = false;         // the main executable
  bool is_elf = false;          // known to the dynamic loader
  bool is_loaded = true;        // false once its code was unmapped
  std::vector<CodeRange> code;  // ascending, at least one
};

using ModuleList = std::vector<std::shared_ptr<const Module>>;

class ModuleCache {
 public:
  // Code remembered after it was unmapped: more than any sane plugin host closes, about 100 KB.
  static constexpr std::size_t kMaxClosed = 256;

  // Reads what is loaded now. A few hundred microseconds for a hundred libraries. When /proc cannot be read
  // or memory is short, the last known state stays.
  void refresh() noexcept;

  // To be called before a dlclose: remembers what is about to go. Looks no symbol up.
  void before_unmap() noexcept { refresh(); }

  // The main executable first, then what is loaded by ascending address, then what was closed, latest first.
  ModuleList modules() const;

 private:
  mutable ForkMutex mutex_;
  ModuleList loaded_;
  ModuleList closed_;
  std::uint64_t next_id_ = 1;
};

// Finds the module and mapping of an address. Where a closed library's place was taken by another, the loaded
// one wins.
class CodeMap {
 public:
  struct Place {
    std::uint32_t module;  // index into the list
    std::uint32_t range;   // index into Module::code
  };

  explicit CodeMap(const ModuleList& modules);
  std::optional<Place> find(std::uint64_t address) const;

 private:
  struct Entry {
    CodeRange range;
    Place place;
  };
  std::vector<Entry> loaded_;  // ascending, disjoint
  std::vector<Entry> closed_;  // latest first
};

}  // namespace holdfast::snapshot
