#include "snapshot/symbols.h"

#include <cxxabi.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <optional>

#include "snapshot/elf_symbols.h"
#include "snapshot/loaded_objects.h"
#include "snapshot/symbol_scan.h"

namespace holdfast::snapshot {
namespace {

constexpr std::size_t kMaxDemangledBytes = 64 * 1024;

std::string hex(std::uint64_t number) {
  char digits[16];
  std::size_t at = sizeof digits;
  do {
    digits[--at] = "0123456789abcdef"[number & 15];
    number >>= 4;
  } while (number != 0);
  return "0x" + std::string(digits + at, sizeof digits - at);
}

std::shared_ptr<const Symbol> nameless(std::string name, std::uint64_t address) {
  return std::make_shared<const Symbol>(Symbol{name, name, address, false});
}

std::shared_ptr<const Symbol> nameless_in(const Module& module, std::uint64_t address) {
  const std::string file = module.path.substr(module.path.rfind('/') + 1);
  return nameless(file + "+" + hex(address - module.bias), address);
}

// Where distributions put the symbols they strip from a binary.
std::string debug_file(const std::string& build_id) {
  if (build_id.size() < 4) return {};
  return "/usr/lib/debug/.build-id/" + build_id.substr(0, 2) + "/" + build_id.substr(2) + ".debug";
}

std::optional<std::vector<FoundSymbol>> find_symbols_in_memory(const Module& module,
                                                               std::span<const std::uint64_t> addresses) {
  const auto dynamic = dynamic_symbols_in_memory(module.bias, module.build_id);
  if (!dynamic) return std::nullopt;
  std::vector<CodeSection> code;
  for (const CodeRange& range : module.code)
    code.push_back({range.start - module.bias, range.limit - module.bias});
  SymbolScan scan(addresses, std::move(code));
  for (const Elf64_Sym& symbol : dynamic->symbols) scan.add(symbol);
  std::vector<FoundSymbol> found;
  for (const SymbolChoice& choice : scan.choose()) {
    FoundSymbol symbol;
    if (choice.found && choice.name < dynamic->names.size()) {
      const std::string_view rest = std::string_view(dynamic->names).substr(choice.name);
      symbol = {plain_symbol_name(rest.substr(0, rest.find('\0'))), choice.start};
    }
    found.push_back(std::move(symbol));
  }
  return found;
}

// The best table there is for the module; all empty where there is none. `addresses` are virtual addresses of
// its file.
std::vector<FoundSymbol> find_symbols(const Module& module, std::span<const std::uint64_t> addresses) {
  const FileIdentity identity{module.build_id, module.inode};
  std::vector<std::string> files = {module.path};
  // A main executable that was replaced on disk is still reachable here.
  if (module.is_main) files.push_back("/proc/self/exe");
  std::vector<std::string> with_full_table = files;
  with_full_table.push_back(debug_file(module.build_id));
  if (module.inode != 0) {
    for (const std::string& file : with_full_table) {
      if (auto found = find_symbols_in_file(file, identity, SymbolTable::full, addresses)) return *found;
    }
    for (const std::string& file : files) {
      if (auto found = find_symbols_in_file(file, identity, SymbolTable::dynamic, addresses)) return *found;
    }
  }
  if (module.is_elf && module.is_loaded) {
    if (auto found = find_symbols_in_memory(module, addresses)) return *found;
  }
  return std::vector<FoundSymbol>(addresses.size());
}

}  // namespace

std::string demangle(const std::string& mangled) {
  if (!mangled.starts_with("_Z")) return mangled;
  int status = 0;
  char* plain = abi::__cxa_demangle(mangled.c_str(), nullptr, nullptr, &status);
  if (!plain) return mangled;
  std::string name = std::string(std::string_view(plain).substr(0, kMaxDemangledBytes));
  std::free(plain);
  return name;
}

Symbolizer::Symbolizer(ModuleCache& modules) : modules_(modules) {}

std::size_t Symbolizer::KeyHash::operator()(const Key& key) const noexcept {
  return static_cast<std::size_t>((key.address ^ (key.module << 48)) * 0x9e3779b97f4a7c15u);
}

void Symbolizer::look_up(const Module& module, std::vector<std::uint64_t> addresses) {
  std::sort(addresses.begin(), addresses.end());
  addresses.erase(std::unique(addresses.begin(), addresses.end()), addresses.end());
  // The tables speak of the file's virtual addresses.
  for (std::uint64_t& address : addresses) address -= module.bias;
  std::sort(addresses.begin(), addresses.end());
  const std::vector<FoundSymbol> found = find_symbols(module, addresses);
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    const std::uint64_t address = addresses[i] + module.bias;
    std::shared_ptr<const Symbol>& symbol = by_address_[{module.id, address}];
    if (found[i].name.empty()) {
      symbol = nameless_in(module, address);
      continue;
    }
    std::shared_ptr<const Symbol>& function = by_start_[{module.id, found[i].start}];
    if (!function) {
      function = std::make_shared<const Symbol>(
          Symbol{demangle(found[i].name), found[i].name, found[i].start + module.bias, true});
    }
    symbol = function;
  }
}

Explanation Symbolizer::explain(std::span<const std::uint64_t> addresses) {
  const std::lock_guard guard(mutex_);
  modules_.refresh();
  const ModuleList modules = modules_.modules();
  const CodeMap code(modules);
  if (by_address_.size() > kMaxCached) {
    by_address_.clear();
    by_start_.clear();
  }

  std::vector<std::optional<CodeMap::Place>> places(addresses.size());
  std::map<std::uint32_t, std::vector<std::uint64_t>> unknown;  // by module
  std::vector<bool> is_used(modules.size());
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    places[i] = code.find(addresses[i]);
    if (!places[i]) continue;
    const std::uint32_t module = places[i]->module;
    is_used[module] = true;
    if (!by_address_.contains({modules[module]->id, addresses[i]})) unknown[module].push_back(addresses[i]);
  }
  for (auto& [module, wanted] : unknown) look_up(*modules[module], std::move(wanted));

  Explanation explanation;
  std::vector<std::uint32_t> first_mapping(modules.size(), kOutsideMappings);
  for (std::size_t m = 0; m < modules.size(); ++m) {
    if (!modules[m]->is_loaded && !is_used[m]) continue;
    first_mapping[m] = static_cast<std::uint32_t>(explanation.mappings.size());
    for (const CodeRange& range : modules[m]->code) {
      explanation.mappings.push_back({range, modules[m]->path, modules[m]->build_id});
    }
  }
  explanation.addresses.reserve(addresses.size());
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    if (!places[i]) {
      explanation.addresses.push_back({nameless(hex(addresses[i]), addresses[i]), kOutsideMappings});
      continue;
    }
    const Key key{modules[places[i]->module]->id, addresses[i]};
    explanation.addresses.push_back(
        {by_address_.at(key), first_mapping[places[i]->module] + places[i]->range});
  }
  return explanation;
}

}  // namespace holdfast::snapshot
