#include "snapshot/elf_symbols.h"

#include <elf.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>

#include "snapshot/loaded_objects.h"
#include "snapshot/symbol_scan.h"

namespace holdfast::snapshot {
namespace {

constexpr std::size_t kMaxNameBytes = 10 * 1024;
constexpr std::size_t kMaxSections = 1 << 17;  // a binary with a section per function has some ten thousands
constexpr std::size_t kMaxNoteBytes = 1 << 16;
constexpr std::size_t kSymbolsPerRead = 4096;

// A regular file that is read by offset.
class File {
 public:
  explicit File(const std::string& path)
      : fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)) {
    struct stat status;
    if (fd_ >= 0 && ::fstat(fd_, &status) == 0 && S_ISREG(status.st_mode)) {
      size_ = static_cast<std::uint64_t>(status.st_size);
      inode_ = status.st_ino;
    }
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() {
    if (fd_ >= 0) ::close(fd_);
  }

  std::uint64_t inode() const { return inode_; }
  bool holds(std::uint64_t offset, std::uint64_t bytes) const {
    return offset <= size_ && bytes <= size_ - offset;
  }

  // False unless all of `bytes` could be read.
  bool read(std::uint64_t offset, void* to, std::size_t bytes) const {
    if (!holds(offset, bytes)) return false;
    auto* out = static_cast<char*>(to);
    while (bytes > 0) {
      const ssize_t got = ::pread(fd_, out, bytes, static_cast<off_t>(offset));
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) return false;
      out += got;
      offset += static_cast<std::uint64_t>(got);
      bytes -= static_cast<std::size_t>(got);
    }
    return true;
  }

  // `count` plain records; empty when they are not all there.
  template <typename T>
  std::vector<T> read_all(std::uint64_t offset, std::size_t count) const {
    std::vector<T> records;
    if (!holds(offset, count * sizeof(T))) return records;
    records.resize(count);
    if (!read(offset, records.data(), count * sizeof(T))) records.clear();
    return records;
  }

 private:
  const int fd_;
  std::uint64_t size_ = 0;
  std::uint64_t inode_ = 0;
};

bool read_header(const File& file, Elf64_Ehdr& header) {
  constexpr auto order = std::endian::native == std::endian::little ? ELFDATA2LSB : ELFDATA2MSB;
  return file.read(0, &header, sizeof header) && std::memcmp(header.e_ident, ELFMAG, SELFMAG) == 0 &&
         header.e_ident[EI_CLASS] == ELFCLASS64 && header.e_ident[EI_DATA] == order;
}

std::vector<Elf64_Shdr> read_sections(const File& file, const Elf64_Ehdr& header) {
  if (header.e_shoff == 0 || header.e_shentsize != sizeof(Elf64_Shdr)) return {};
  std::uint64_t count = header.e_shnum;
  Elf64_Shdr first;
  if (count == 0 && file.read(header.e_shoff, &first, sizeof first))
    count = first.sh_size;  // more than fit 16 bits
  if (count > kMaxSections) return {};
  return file.read_all<Elf64_Shdr>(header.e_shoff, count);
}

std::string build_id_of(const File& file, const Elf64_Ehdr& header, const std::vector<Elf64_Shdr>& sections) {
  const auto read_notes = [&](std::uint64_t offset, std::uint64_t size) {
    if (size > kMaxNoteBytes) return std::string();
    const auto notes = file.read_all<char>(offset, size);
    return build_id_in_notes(notes.data(), notes.size());
  };
  if (header.e_phentsize == sizeof(Elf64_Phdr)) {
    for (const Elf64_Phdr& segment : file.read_all<Elf64_Phdr>(header.e_phoff, header.e_phnum)) {
      if (segment.p_type != PT_NOTE) continue;
      if (std::string id = read_notes(segment.p_offset, segment.p_filesz); !id.empty()) return id;
    }
  }
  // A separate debug file keeps the sections of its binary, not the content of its segments.
  for (const Elf64_Shdr& section : sections) {
    if (section.sh_type != SHT_NOTE) continue;
    if (std::string id = read_notes(section.sh_offset, section.sh_size); !id.empty()) return id;
  }
  return {};
}

std::string read_name(const File& file, const Elf64_Shdr& strings, std::uint32_t offset) {
  if (offset >= strings.sh_size) return {};
  const std::uint64_t longest = std::min<std::uint64_t>(strings.sh_size - offset, kMaxNameBytes);
  std::string name;
  std::size_t end = std::string::npos;
  while (end == std::string::npos && name.size() < longest) {
    const std::size_t before = name.size();
    name.resize(std::min<std::size_t>(longest, before + 256));
    if (!file.read(strings.sh_offset + offset + before, name.data() + before, name.size() - before))
      return {};
    end = name.find('\0', before);
  }
  return plain_symbol_name(name.substr(0, end));
}

}  // namespace

std::string plain_symbol_name(std::string_view name) {
  name = name.substr(0, kMaxNameBytes);
  return std::string(name.substr(0, name.find('@', 1)));
}

std::optional<std::vector<FoundSymbol>> find_symbols_in_file(const std::string& path,
                                                             const FileIdentity& identity, SymbolTable table,
                                                             std::span<const std::uint64_t> addresses) {
  const File file(path);
  Elf64_Ehdr header;
  if (!read_header(file, header)) return std::nullopt;
  const std::vector<Elf64_Shdr> sections = read_sections(file, header);
  const bool is_meant = identity.build_id.empty() ? file.inode() == identity.inode
                                                  : build_id_of(file, header, sections) == identity.build_id;
  if (!is_meant) return std::nullopt;

  const std::uint32_t wanted = table == SymbolTable::full ? SHT_SYMTAB : SHT_DYNSYM;
  const auto symbols = std::find_if(sections.begin(), sections.end(), [&](const Elf64_Shdr& s) {
    return s.sh_type == wanted && s.sh_entsize == sizeof(Elf64_Sym) && s.sh_link < sections.size() &&
           sections[s.sh_link].sh_type == SHT_STRTAB && file.holds(s.sh_offset, s.sh_size);
  });
  if (symbols == sections.end()) return std::nullopt;
  const Elf64_Shdr& strings = sections[symbols->sh_link];

  std::vector<CodeSection> code;
  for (const Elf64_Shdr& section : sections) {
    if (!(section.sh_flags & SHF_EXECINSTR) || section.sh_addr + section.sh_size < section.sh_addr) continue;
    code.push_back({section.sh_addr, section.sh_addr + section.sh_size});
  }
  SymbolScan scan(addresses, std::move(code));
  const std::uint64_t count = symbols->sh_size / sizeof(Elf64_Sym);
  for (std::uint64_t done = 0; done < count; done += kSymbolsPerRead) {
    const auto chunk = file.read_all<Elf64_Sym>(symbols->sh_offset + done * sizeof(Elf64_Sym),
                                                std::min<std::uint64_t>(kSymbolsPerRead, count - done));
    if (chunk.empty()) return std::nullopt;
    for (const Elf64_Sym& symbol : chunk) scan.add(symbol);
  }

  std::vector<FoundSymbol> found(addresses.size());
  const std::vector<SymbolChoice> choices = scan.choose();
  for (std::size_t i = 0; i < choices.size(); ++i) {
    if (!choices[i].found) continue;
    // Addresses ascend, so those of one function stand together.
    if (i > 0 && choices[i - 1].found && choices[i - 1].name == choices[i].name) {
      found[i] = found[i - 1];
      found[i].start = choices[i].start;
    } else {
      found[i] = {read_name(file, strings, choices[i].name), choices[i].start};
    }
  }
  return found;
}

}  // namespace holdfast::snapshot
