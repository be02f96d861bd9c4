#include "snapshot/loaded_objects.h"

#include <link.h>

#include <algorithm>
#include <cstring>

namespace holdfast::snapshot {
namespace {

constexpr std::size_t kMaxTableBytes = std::size_t{16} << 20;
constexpr std::size_t kMaxNoteBytes = std::size_t{1} << 20;
constexpr std::size_t kMaxBuildIdBytes = 64;

// Memory of one object, readable only inside its PT_LOAD segments and only while the loader's list is locked.
class ObjectMemory {
 public:
  explicit ObjectMemory(const dl_phdr_info& info) : info_(info) {}

  // Pointer to `size` bytes at `address`, or nullptr when they are not all inside one readable segment.
  const char* at(std::uint64_t address, std::uint64_t size) const {
    for (int i = 0; i < info_.dlpi_phnum; ++i) {
      const auto& header = info_.dlpi_phdr[i];
      if (header.p_type != PT_LOAD || !(header.p_flags & PF_R)) continue;
      const std::uint64_t start = info_.dlpi_addr + header.p_vaddr;
      if (address >= start && address - start <= header.p_memsz &&
          size <= header.p_memsz - (address - start)) {
        return reinterpret_cast<const char*>(address);
      }
    }
    return nullptr;
  }

  template <typename T>
  bool read(std::uint64_t address, T& value) const {
    const char* from = at(address, sizeof value);
    if (from) std::memcpy(&value, from, sizeof value);
    return from != nullptr;
  }

  // The loader relocates these pointers in place, except in the vDSO and where .dynamic is read-only.
  std::uint64_t pointer(std::uint64_t value) const { return at(value, 1) ? value : info_.dlpi_addr + value; }

 private:
  const dl_phdr_info& info_;
};

std::string build_id_of(const dl_phdr_info& info) {
  const ObjectMemory memory(info);
  for (int i = 0; i < info.dlpi_phnum; ++i) {
    const auto& header = info.dlpi_phdr[i];
    if (header.p_type != PT_NOTE || header.p_memsz > kMaxNoteBytes) continue;
    const char* notes = memory.at(info.dlpi_addr + header.p_vaddr, header.p_memsz);
    if (!notes) continue;
    std::string id = build_id_in_notes(notes, header.p_memsz);
    if (!id.empty()) return id;
  }
  return {};
}

// Callbacks run inside the loader's C code, through which no exception may pass.
template <typename Work>
void for_each_object(Work work) {
  dl_iterate_phdr(
      [](dl_phdr_info* info, std::size_t, void* data) {
        try {
          return (*static_cast<Work*>(data))(*info) ? 1 : 0;
        } catch (...) {
          return 1;
        }
      },
      &work);
}

// How many symbols a DT_GNU_HASH table describes: the last chain's end. 0 when the table is broken.
std::uint64_t count_by_gnu_hash(const ObjectMemory& memory, std::uint64_t table) {
  std::uint32_t header[4];  // buckets, first symbol, bloom words, bloom shift
  if (!memory.read(table, header)) return 0;
  const std::uint64_t buckets = table + sizeof header + std::uint64_t{header[2]} * sizeof(Elf64_Addr);
  const char* bucket = memory.at(buckets, std::uint64_t{header[0]} * 4);
  if (!bucket) return 0;
  std::uint32_t last = 0;
  for (std::uint32_t i = 0; i < header[0]; ++i) {
    std::uint32_t first = 0;
    std::memcpy(&first, bucket + std::size_t{i} * 4, sizeof first);
    last = std::max(last, first);
  }
  if (last < header[1]) return header[1];
  const std::uint64_t chains = buckets + std::uint64_t{header[0]} * 4;
  for (std::uint64_t i = last;; ++i) {
    std::uint32_t hash = 0;
    if (!memory.read(chains + (i - header[1]) * 4, hash)) return 0;
    if (hash & 1) return i + 1;
  }
}

std::optional<DynamicSymbols> copy_dynamic_symbols(const dl_phdr_info& info) {
  const ObjectMemory memory(info);
  std::uint64_t symbols = 0, names = 0, name_bytes = 0, hash = 0, gnu_hash = 0;
  for (int i = 0; i < info.dlpi_phnum; ++i) {
    const auto& header = info.dlpi_phdr[i];
    if (header.p_type != PT_DYNAMIC) continue;
    const std::uint64_t table = info.dlpi_addr + header.p_vaddr;
    for (std::uint64_t used = 0; used + sizeof(Elf64_Dyn) <= header.p_memsz; used += sizeof(Elf64_Dyn)) {
      Elf64_Dyn entry;
      if (!memory.read(table + used, entry) || entry.d_tag == DT_NULL) break;
      if (entry.d_tag == DT_SYMTAB) symbols = memory.pointer(entry.d_un.d_ptr);
      if (entry.d_tag == DT_STRTAB) names = memory.pointer(entry.d_un.d_ptr);
      if (entry.d_tag == DT_STRSZ) name_bytes = entry.d_un.d_val;
      if (entry.d_tag == DT_HASH) hash = memory.pointer(entry.d_un.d_ptr);
      if (entry.d_tag == DT_GNU_HASH) gnu_hash = memory.pointer(entry.d_un.d_ptr);
    }
  }
  std::uint64_t count = gnu_hash ? count_by_gnu_hash(memory, gnu_hash) : 0;
  std::uint32_t chains = 0;
  if (count == 0 && hash && memory.read(hash + 4, chains)) count = chains;
  if (!symbols || !names || count == 0 || count > kMaxTableBytes / sizeof(Elf64_Sym)) return std::nullopt;
  if (name_bytes == 0 || name_bytes > kMaxTableBytes) return std::nullopt;
  const char* symbol_bytes = memory.at(symbols, count * sizeof(Elf64_Sym));
  const char* name_table = memory.at(names, name_bytes);
  if (!symbol_bytes || !name_table) return std::nullopt;

  DynamicSymbols copy;
  copy.symbols.resize(count);
  std::memcpy(copy.symbols.data(), symbol_bytes, count * sizeof(Elf64_Sym));
  copy.names.assign(name_table, name_bytes);
  return copy;
}

}  // namespace

bool LoadedObject::contains(std::uint64_t address) const {
  return std::any_of(segments.begin(), segments.end(),
                     [&](const Segment& s) { return address >= s.start && address < s.limit; });
}

std::vector<LoadedObject> loaded_objects() {
  std::vector<LoadedObject> objects;
  for_each_object([&](const dl_phdr_info& info) {
    LoadedObject object;
    object.bias = info.dlpi_addr;
    object.name = info.dlpi_name ? info.dlpi_name : "";
    object.build_id = build_id_of(info);
    for (int i = 0; i < info.dlpi_phnum; ++i) {
      const auto& header = info.dlpi_phdr[i];
      if (header.p_type != PT_LOAD) continue;
      const std::uint64_t start = info.dlpi_addr + header.p_vaddr;
      object.segments.push_back({start, start + header.p_memsz});
    }
    objects.push_back(std::move(object));
    return false;
  });
  return objects;
}

std::optional<DynamicSymbols> dynamic_symbols_in_memory(std::uint64_t bias, const std::string& build_id) {
  std::optional<DynamicSymbols> found;
  for_each_object([&](const dl_phdr_info& info) {
    if (info.dlpi_addr != bias || build_id_of(info) != build_id) return false;
    found = copy_dynamic_symbols(info);
    return true;
  });
  return found;
}

std::string build_id_in_notes(const char* notes, std::size_t size) {
  constexpr auto padded = [](std::size_t bytes) { return (bytes + 3) & ~std::size_t{3}; };
  while (size >= sizeof(Elf64_Nhdr)) {
    Elf64_Nhdr header;
    std::memcpy(&header, notes, sizeof header);
    const std::size_t name_bytes = padded(header.n_namesz);
    const std::size_t used = sizeof header + name_bytes + padded(header.n_descsz);
    if (used > size) return {};
    const char* name = notes + sizeof header;
    if (header.n_type == NT_GNU_BUILD_ID && header.n_namesz == 4 && std::memcmp(name, "GNU", 4) == 0 &&
        header.n_descsz > 0 && header.n_descsz <= kMaxBuildIdBytes) {
      std::string hex;
      for (std::size_t i = 0; i < header.n_descsz; ++i) {
        const auto byte = static_cast<unsigned char>(name[name_bytes + i]);
        hex += "0123456789abcdef"[byte >> 4];
        hex += "0123456789abcdef"[byte & 15];
      }
      return hex;
    }
    notes += used;
    size -= used;
  }
  return {};
}

}  // namespace holdfast::snapshot
