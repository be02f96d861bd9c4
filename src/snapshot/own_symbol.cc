#include "snapshot/own_symbol.h"

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <vector>

namespace holdfast::snapshot {
namespace {

class File {
 public:
  explicit File(const std::string& path) : fd_(open(path.c_str(), O_RDONLY | O_CLOEXEC)) {}
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() {
    if (fd_ >= 0) close(fd_);
  }

  // Whole or not at all.
  bool read(std::uint64_t offset, void* into, std::size_t bytes) const {
    if (fd_ < 0 || offset > static_cast<std::uint64_t>(INT64_MAX)) return false;
    return pread(fd_, into, bytes, static_cast<off_t>(offset)) == static_cast<ssize_t>(bytes);
  }

  // Whether `text` with its final NUL stands at the offset.
  bool has_text(std::uint64_t offset, const std::string& text) const {
    std::string there(text.size() + 1, 'x');
    return read(offset, there.data(), there.size()) &&
           std::memcmp(there.data(), text.c_str(), there.size()) == 0;
  }

 private:
  int fd_;
};

std::vector<Elf64_Shdr> sections(const File& file) {
  Elf64_Ehdr header;
  if (!file.read(0, &header, sizeof header) || std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
      header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_shentsize != sizeof(Elf64_Shdr)) {
    return {};
  }
  std::vector<Elf64_Shdr> all(header.e_shnum);
  if (!file.read(header.e_shoff, all.data(), all.size() * sizeof(Elf64_Shdr))) all.clear();
  return all;
}

std::uint64_t find_in_table(const File& file, const Elf64_Shdr& symbols, const Elf64_Shdr& strings,
                            const std::string& name) {
  // Read in pieces: a table may be large, or claim to be.
  std::vector<Elf64_Sym> piece(4096);
  const std::uint64_t count = symbols.sh_size / sizeof(Elf64_Sym);
  for (std::uint64_t first = 0; first < count; first += piece.size()) {
    const std::size_t n = std::min<std::uint64_t>(piece.size(), count - first);
    if (!file.read(symbols.sh_offset + first * sizeof(Elf64_Sym), piece.data(), n * sizeof(Elf64_Sym)))
      return 0;
    for (std::size_t i = 0; i < n; ++i) {
      const Elf64_Sym& symbol = piece[i];
      if (ELF64_ST_TYPE(symbol.st_info) != STT_FUNC || symbol.st_value == 0 ||
          symbol.st_name >= strings.sh_size)
        continue;
      if (file.has_text(strings.sh_offset + symbol.st_name, name)) return symbol.st_value;
    }
  }
  return 0;
}

}  // namespace

std::uint64_t find_function_in_file(const std::string& path, const std::string& name) {
  const File file(path);
  const std::vector<Elf64_Shdr> all = sections(file);
  for (const Elf64_Shdr& section : all) {
    if (section.sh_type != SHT_SYMTAB || section.sh_link >= all.size()) continue;
    if (const std::uint64_t address = find_in_table(file, section, all[section.sh_link], name))
      return address;
  }
  return 0;
}

void* find_own_function(const std::string& name) {
  const std::uint64_t address = find_function_in_file("/proc/self/exe", name);
  if (address == 0) return nullptr;
  std::uint64_t base = 0;  // the first object is the executable
  dl_iterate_phdr(
      [](dl_phdr_info* info, std::size_t, void* into) {
        *static_cast<std::uint64_t*>(into) = info->dlpi_addr;
        return 1;
      },
      &base);
  return reinterpret_cast<void*>(base + address);
}

}  // namespace holdfast::snapshot
