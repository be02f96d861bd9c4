#include "chains/program.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <elfutils/libdwfl.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <map>

#include "chains/type_text.h"
#include "chains/variables.h"

namespace holdfast::chains {
namespace {

constexpr std::uint64_t kWholeModule = std::uint64_t{1} << 32;  // offsets of thread-local variables lie below

char* no_debug_path = nullptr;

const Dwfl_Callbacks kCallbacks = {
    .find_elf = [](Dwfl_Module*, void**, const char*, Dwarf_Addr, char**, Elf**) -> int { return -1; },
    .find_debuginfo = dwfl_standard_find_debuginfo,
    .section_address = dwfl_offline_section_address,
    .debuginfo_path = &no_debug_path,
};

std::string hex(const unsigned char* bytes, int count) {
  std::string text;
  for (int i = 0; i < count; ++i) {
    text += "0123456789abcdef"[bytes[i] >> 4];
    text += "0123456789abcdef"[bytes[i] & 15];
  }
  return text;
}

std::string readable(const char* symbol) {
  const std::string_view name = symbol;
  return name.starts_with("_Z") ? demangled(name) : std::string(name);
}

}  // namespace

struct Program::Impl {
  struct Opened {
    Dwfl_Module* module = nullptr;  // nullptr: no file with this build id
    bool is_tried = false;
    std::unique_ptr<Variables> variables;
    bool variables_are_tried = false;
  };

  const std::vector<Module>& modules;
  std::vector<std::string> folders;
  Dwfl* dwfl = nullptr;
  std::vector<Opened> opened;

  // The module's file, opened at its first use.
  Opened& open(std::size_t i) {
    Opened& o = opened[i];
    if (o.is_tried || dwfl == nullptr) return o;
    o.is_tried = true;
    for (const std::string& path : candidates(modules[i])) {
      dwfl_report_begin_add(dwfl);
      Dwfl_Module* module = dwfl_report_elf(dwfl, path.c_str(), path.c_str(), -1, modules[i].bias, true);
      dwfl_report_end(dwfl, nullptr, nullptr);
      if (module == nullptr) continue;
      const unsigned char* bits = nullptr;
      GElf_Addr where = 0;
      GElf_Addr bias = 0;
      if (dwfl_module_getelf(module, &bias) == nullptr) continue;
      const int length = dwfl_module_build_id(module, &bits, &where);
      if (!modules[i].build_id.empty() && (length <= 0 || hex(bits, length) != modules[i].build_id)) continue;
      o.module = module;
      break;
    }
    return o;
  }

  std::vector<std::string> candidates(const Module& module) const {
    std::vector<std::string> paths;
    const std::filesystem::path path(module.path);
    if (std::filesystem::exists(path)) paths.push_back(module.path);
    for (const std::string& folder : folders) {
      for (const std::filesystem::path& p : {folder / path.relative_path(), folder / path.filename()}) {
        std::error_code error;
        if (std::filesystem::is_regular_file(p, error)) paths.push_back(p);
      }
    }
    return paths;
  }

  std::size_t index_at(std::uint64_t address) const {
    for (std::size_t i = 0; i < modules.size(); ++i) {
      if (modules[i].contains(address)) return i;
    }
    return modules.size();
  }

  std::size_t index_of_bias(std::uint64_t bias) const {
    const auto found = std::ranges::find(modules, bias, &Module::bias);
    return static_cast<std::size_t>(found - modules.begin());
  }

  Variables* variables(std::size_t i) {
    Opened& o = open(i);
    if (o.module == nullptr) return nullptr;
    if (!o.variables_are_tried) {
      o.variables_are_tried = true;
      Dwarf_Addr bias = 0;
      if (Dwarf* dwarf = dwfl_module_getdwarf(o.module, &bias))
        o.variables = std::make_unique<Variables>(dwarf);
    }
    return o.variables.get();
  }
};

Program::Program(const std::vector<Module>& modules, const std::vector<std::string>& folders)
    : impl_(new Impl{modules, folders, dwfl_begin(&kCallbacks), std::vector<Impl::Opened>(modules.size())}) {}

Program::~Program() {
  for (Impl::Opened& o : impl_->opened) o.variables.reset();
  if (impl_->dwfl != nullptr) dwfl_end(impl_->dwfl);
}

std::optional<SymbolName> Program::symbol(std::uint64_t address) const {
  const std::size_t i = impl_->index_at(address);
  if (i == impl_->modules.size()) return std::nullopt;
  Dwfl_Module* module = impl_->open(i).module;
  if (module == nullptr) return std::nullopt;
  GElf_Off offset = 0;
  GElf_Sym symbol{};
  const char* name = dwfl_module_addrinfo(module, address, &offset, &symbol, nullptr, nullptr, nullptr);
  if (name == nullptr || (symbol.st_size != 0 && offset >= symbol.st_size)) return std::nullopt;
  if (symbol.st_size == 0 && GELF_ST_TYPE(symbol.st_info) != STT_FUNC) return std::nullopt;
  return SymbolName{readable(name), offset};
}

std::optional<SymbolName> Program::thread_local_symbol(std::uint64_t bias, std::uint64_t offset) const {
  const std::size_t i = impl_->index_of_bias(bias);
  if (i == impl_->modules.size()) return std::nullopt;
  Dwfl_Module* module = impl_->open(i).module;
  if (module == nullptr) return std::nullopt;
  const int count = dwfl_module_getsymtab(module);
  for (int s = 0; s < count; ++s) {
    GElf_Sym symbol{};
    GElf_Addr value = 0;
    const char* name = dwfl_module_getsym_info(module, s, &symbol, &value, nullptr, nullptr, nullptr);
    if (name == nullptr || GELF_ST_TYPE(symbol.st_info) != STT_TLS || symbol.st_shndx == SHN_UNDEF) continue;
    if (offset - symbol.st_value < symbol.st_size)
      return SymbolName{readable(name), offset - symbol.st_value};
  }
  return std::nullopt;
}

std::optional<Variable> Program::variable(std::uint64_t address) const {
  const std::size_t i = impl_->index_at(address);
  if (i == impl_->modules.size()) return std::nullopt;
  Variables* variables = impl_->variables(i);
  return variables == nullptr ? std::nullopt : variables->at(address - impl_->modules[i].bias, false);
}

std::optional<Variable> Program::thread_local_variable(std::uint64_t bias, std::uint64_t offset) const {
  const std::size_t i = impl_->index_of_bias(bias);
  if (i == impl_->modules.size() || offset >= kWholeModule) return std::nullopt;
  Variables* variables = impl_->variables(i);
  return variables == nullptr ? std::nullopt : variables->at(offset, true);
}

std::vector<SourceFrame> Program::frames(std::uint64_t return_address) const {
  std::vector<SourceFrame> found;
  const std::size_t i = impl_->index_at(return_address);
  if (i == impl_->modules.size()) return found;
  Dwfl_Module* module = impl_->open(i).module;
  if (module == nullptr) return found;
  Dwarf_Addr bias = 0;
  Dwarf_Die* unit = dwfl_module_addrdie(module, return_address - 1, &bias);
  if (unit == nullptr) return found;
  Dwarf_Die* scopes = nullptr;
  const int count = dwarf_getscopes(unit, return_address - 1 - bias, &scopes);
  std::string file;
  int line = 0;
  if (Dwfl_Line* at = dwfl_module_getsrc(module, return_address - 1)) {
    const char* path = dwfl_lineinfo(at, nullptr, &line, nullptr, nullptr, nullptr);
    file = path == nullptr ? "" : path;
  }
  for (int s = 0; s < count; ++s) {
    const int tag = dwarf_tag(&scopes[s]);
    if (tag != DW_TAG_inlined_subroutine && tag != DW_TAG_subprogram) continue;
    found.push_back({function_name(&scopes[s]), file, line});
    if (tag == DW_TAG_subprogram) break;
    Dwarf_Attribute attribute;
    Dwarf_Word called = 0;
    if (dwarf_formudata(dwarf_attr(&scopes[s], DW_AT_call_line, &attribute), &called) == 0)
      line = static_cast<int>(called);
    Dwarf_Word file_number = 0;
    Dwarf_Files* files = nullptr;
    if (dwarf_getsrcfiles(unit, &files, nullptr) == 0 &&
        dwarf_formudata(dwarf_attr(&scopes[s], DW_AT_call_file, &attribute), &file_number) == 0) {
      const char* path = dwarf_filesrc(files, file_number, nullptr, nullptr);
      file = path == nullptr ? "" : path;
    }
  }
  std::free(scopes);
  return found;
}

const Module* Program::module_at(std::uint64_t address) const {
  const std::size_t i = impl_->index_at(address);
  return i == impl_->modules.size() ? nullptr : &impl_->modules[i];
}

std::string Program::place(std::uint64_t address) const {
  char digits[32];
  const Module* module = module_at(address);
  if (module == nullptr) {
    std::snprintf(digits, sizeof digits, "0x%llx", static_cast<unsigned long long>(address));
    return digits;
  }
  std::snprintf(digits, sizeof digits, "+0x%llx", static_cast<unsigned long long>(address - module->bias));
  return std::filesystem::path(module->path).filename().string() + digits;
}

}  // namespace holdfast::chains
