#include "lines/program_file.h"

#include <elfutils/libdwfl.h>
#include <gelf.h>
#include <sys/stat.h>

#include <cstdlib>
#include <string_view>

namespace holdfast::lines {
namespace {

char* default_debug_path = nullptr;

// With DEBUGINFOD_URLS set, the standard search would ask servers over the network, once for every library.
int find_debuginfo(Dwfl_Module* module, void** data, const char* name, Dwarf_Addr base, const char* file,
                   const char* link, GElf_Word checksum, char** found) {
  if (std::getenv("DEBUGINFOD_URLS") != nullptr) {
    return dwfl_build_id_find_debuginfo(module, data, name, base, file, link, checksum, found);
  }
  return dwfl_standard_find_debuginfo(module, data, name, base, file, link, checksum, found);
}

const Dwfl_Callbacks kCallbacks = {
    .find_elf = dwfl_build_id_find_elf,
    .find_debuginfo = find_debuginfo,
    .section_address = dwfl_offline_section_address,
    .debuginfo_path = &default_debug_path,
};

bool is_build_id(Dwfl_Module* module, std::string_view hex) {
  const unsigned char* bits = nullptr;
  GElf_Addr address = 0;
  const int size = dwfl_module_build_id(module, &bits, &address);
  if (size <= 0 || hex.size() != 2 * static_cast<std::size_t>(size)) return false;
  for (std::size_t i = 0; i < hex.size(); ++i) {
    if (hex[i] != "0123456789abcdef"[(bits[i / 2] >> (i % 2 == 0 ? 4 : 0)) & 15]) return false;
  }
  return true;
}

}  // namespace

struct ProgramFile::Closer {
  Dwfl* dwfl = nullptr;
  ~Closer() {
    if (dwfl != nullptr) dwfl_end(dwfl);
  }
};

ProgramFile::~ProgramFile() = default;

std::unique_ptr<ProgramFile> ProgramFile::open(const std::string& path, const std::string& build_id) {
  // Profiles come from outside: opening what is no file could block for ever.
  struct stat status {};
  if (build_id.empty() || ::stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return nullptr;
  auto closer = std::make_unique<Closer>();
  closer->dwfl = dwfl_begin(&kCallbacks);
  if (closer->dwfl == nullptr) return nullptr;
  Dwfl_Module* module = dwfl_report_elf(closer->dwfl, path.c_str(), path.c_str(), -1, 0, true);
  dwfl_report_end(closer->dwfl, nullptr, nullptr);
  Dwarf_Addr elf_bias = 0, dwarf_bias = 0;
  Elf* elf = module == nullptr ? nullptr : dwfl_module_getelf(module, &elf_bias);
  if (elf == nullptr || !is_build_id(module, build_id)) return nullptr;
  Dwarf* dwarf = dwfl_module_getdwarf(module, &dwarf_bias);
  if (dwarf == nullptr) return nullptr;

  std::unique_ptr<ProgramFile> file(new ProgramFile());
  file->closer_ = std::move(closer);
  file->bias_ = dwarf_bias - elf_bias;
  std::size_t count = 0;
  elf_getphdrnum(elf, &count);
  for (std::size_t i = 0; i < count; ++i) {
    GElf_Phdr header;
    if (gelf_getphdr(elf, static_cast<int>(i), &header) == nullptr || header.p_type != PT_LOAD) continue;
    file->segments_.push_back({header.p_offset, header.p_filesz, header.p_vaddr});
  }
  file->functions_.emplace(dwarf);
  return file;
}

std::vector<SourceFrame> ProgramFile::at_file_offset(std::uint64_t offset) {
  for (const Segment& segment : segments_) {
    if (offset - segment.offset >= segment.size) continue;
    return functions_->at(offset - segment.offset + segment.address - bias_);
  }
  return {};
}

}  // namespace holdfast::lines
