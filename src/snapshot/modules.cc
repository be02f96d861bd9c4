#include "snapshot/modules.h"

#include <algorithm>
#include <map>

#include "snapshot/loaded_objects.h"
#include "snapshot/proc_maps.h"

namespace holdfast::snapshot {
namespace {

bool same_code(const Module& a, const Module& b) {
  return a.path == b.path && a.build_id == b.build_id && a.bias == b.bias && a.inode == b.inode &&
         a.code == b.code;
}

// Mappings grouped by the loaded object they belong to; code outside of any (generated at run time, mapped by
// hand) is a module of its own per mapping.
std::vector<Module> read_modules() {
  const std::vector<LoadedObject> objects = loaded_objects();
  std::vector<Module> modules;
  std::map<std::size_t, std::size_t> module_of_object;
  for (MappedCode& mapped : parse_executable_mappings(read_own_maps())) {
    const auto object = std::find_if(objects.begin(), objects.end(),
                                     [&](const LoadedObject& o) { return o.contains(mapped.range.start); });
    const auto index = static_cast<std::size_t>(object - objects.begin());
    if (object == objects.end()) {
      Module module;
      module.path = mapped.path.empty() ? "[anon]" : std::move(mapped.path);
      // Without a file, "[anon]+0x7f12..." tells more than an offset that many such mappings share.
      module.bias = mapped.inode != 0 ? mapped.range.start - mapped.range.offset : 0;
      module.inode = mapped.inode;
      module.code.push_back(mapped.range);
      modules.push_back(std::move(module));
      continue;
    }
    const auto [entry, is_new] = module_of_object.try_emplace(index, modules.size());
    if (is_new) modules.emplace_back();
    Module& module = modules[entry->second];
    if (module.path.empty()) module.path = std::move(mapped.path);
    if (module.inode == 0) module.inode = mapped.inode;
    module.build_id = object->build_id;
    module.bias = object->bias;
    module.is_main = index == 0;
    module.is_elf = true;
    module.code.push_back(mapped.range);
  }
  for (const auto& [object, module] : module_of_object) {
    // Text moved to huge pages is anonymous in the maps; the loader still knows whose it is.
    if (modules[module].path.empty()) modules[module].path = objects[object].name;
    if (modules[module].path.empty()) modules[module].path = "[anon]";
  }
  std::stable_partition(modules.begin(), modules.end(), [](const Module& m) { return m.is_main; });
  return modules;
}

}  // namespace

void ModuleCache::refresh() noexcept try {
  const std::lock_guard guard(mutex_);
  std::vector<Module> now = read_modules();
  if (now.empty()) return;
  ModuleList loaded;
  ModuleList closed = closed_;
  for (Module& module : now) {
    const auto same = [&](const auto& known) { return same_code(*known, module); };
    const auto known = std::find_if(loaded_.begin(), loaded_.end(), same);
    if (known != loaded_.end()) {
      loaded.push_back(*known);
      continue;
    }
    // A library that comes back to the very same place is the module it was.
    const auto returned = std::find_if(closed.begin(), closed.end(), same);
    module.id = returned != closed.end() ? (*returned)->id : next_id_++;
    if (returned != closed.end()) closed.erase(returned);
    loaded.push_back(std::make_shared<const Module>(std::move(module)));
  }
  for (const auto& before : loaded_) {
    if (!before->is_elf || std::find(loaded.begin(), loaded.end(), before) != loaded.end()) continue;
    auto gone = std::make_shared<Module>(*before);
    gone->is_loaded = false;
    closed.insert(closed.begin(), std::move(gone));
  }
  if (closed.size() > kMaxClosed) closed.resize(kMaxClosed);
  loaded_ = std::move(loaded);
  closed_ = std::move(closed);
} catch (...) {
}

ModuleList ModuleCache::modules() const {
  const std::lock_guard guard(mutex_);
  ModuleList all = loaded_;
  all.insert(all.end(), closed_.begin(), closed_.end());
  return all;
}

CodeMap::CodeMap(const ModuleList& modules) {
  for (std::uint32_t m = 0; m < modules.size(); ++m) {
    for (std::uint32_t r = 0; r < modules[m]->code.size(); ++r) {
      (modules[m]->is_loaded ? loaded_ : closed_).push_back({modules[m]->code[r], {m, r}});
    }
  }
  std::sort(loaded_.begin(), loaded_.end(),
            [](const Entry& a, const Entry& b) { return a.range.start < b.range.start; });
}

std::optional<CodeMap::Place> CodeMap::find(std::uint64_t address) const {
  const auto holds = [&](const Entry& e) { return address >= e.range.start && address < e.range.limit; };
  const auto after =
      std::upper_bound(loaded_.begin(), loaded_.end(), address,
                       [](std::uint64_t wanted, const Entry& e) { return wanted < e.range.start; });
  if (after != loaded_.begin() && holds(*(after - 1))) return (after - 1)->place;
  const auto closed = std::find_if(closed_.begin(), closed_.end(), holds);
  if (closed != closed_.end()) return closed->place;
  return std::nullopt;
}

}  // namespace holdfast::snapshot
