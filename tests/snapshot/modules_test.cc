#include "snapshot/modules.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "opened_library.h"
#include "snapshot/proc_maps.h"

namespace holdfast::snapshot {
namespace {

std::shared_ptr<const Module> module_at(const ModuleCache& cache, std::uint64_t address) {
  const ModuleList modules = cache.modules();
  const auto place = CodeMap(modules).find(address);
  return place ? modules[place->module] : nullptr;
}

TEST(Modules, BeginWithTheMainExecutable) {
  ModuleCache cache;
  cache.refresh();
  const ModuleList modules = cache.modules();
  ASSERT_FALSE(modules.empty());
  EXPECT_TRUE(modules[0]->is_main);
  EXPECT_EQ(modules[0]->path, std::filesystem::read_symlink("/proc/self/exe"));
  EXPECT_EQ(std::count_if(modules.begin(), modules.end(), [](const auto& m) { return m->is_main; }), 1);
  EXPECT_EQ(module_at(cache, reinterpret_cast<std::uint64_t>(&parse_executable_mappings)), modules[0]);
}

TEST(Modules, ListEveryExecutableMappingOfTheKernel) {
  ModuleCache cache;
  cache.refresh();
  for (const MappedCode& mapped : parse_executable_mappings(read_own_maps())) {
    const auto module = module_at(cache, mapped.range.start);
    ASSERT_TRUE(module) << mapped.path;
    EXPECT_NE(std::find(module->code.begin(), module->code.end(), mapped.range), module->code.end())
        << mapped.path;
  }
}

TEST(Modules, KnowTheBuildIdAndBiasOfALibrary) {
  testing::OpenedLibrary plugin(HOLDFAST_PLUGIN);
  ASSERT_TRUE(plugin.ok());
  ModuleCache cache;
  cache.refresh();
  const auto module = module_at(cache, plugin.symbol("plugin_entry"));
  ASSERT_TRUE(module);
  EXPECT_EQ(std::filesystem::path(module->path).filename(), "plugin.so");
  EXPECT_EQ(module->build_id.size(), 40u);
  EXPECT_EQ(module->build_id.find_first_not_of("0123456789abcdef"), std::string::npos);
  EXPECT_EQ(module->code[0].start - module->code[0].offset, module->bias & ~std::uint64_t{0xfff});
}

TEST(Modules, RememberALibraryThatWasClosed) {
  ModuleCache cache;
  testing::OpenedLibrary plugin(HOLDFAST_PLUGIN);
  ASSERT_TRUE(plugin.ok());
  const std::uint64_t entry = plugin.symbol("plugin_entry");
  cache.before_unmap();
  const std::uint64_t id = module_at(cache, entry)->id;
  plugin.close();
  cache.refresh();
  const auto module = module_at(cache, entry);
  ASSERT_TRUE(module);
  EXPECT_FALSE(module->is_loaded);
  EXPECT_EQ(module->id, id);
}

TEST(Modules, PreferWhatIsLoadedNowWhereAClosedLibraryWas) {
  auto make = [](bool loaded, std::uint64_t start, std::uint64_t limit) {
    auto module = std::make_shared<Module>();
    module->is_loaded = loaded;
    module->code = {{start, limit, 0}};
    return module;
  };
  const ModuleList modules = {make(true, 0x1000, 0x2000), make(false, 0x1800, 0x3000),
                              make(false, 0x2000, 0x4000)};
  const CodeMap map(modules);
  EXPECT_EQ(map.find(0x1900)->module, 0u);
  EXPECT_EQ(map.find(0x2900)->module, 1u);  // the one closed last
  EXPECT_EQ(map.find(0x3900)->module, 2u);
  EXPECT_FALSE(map.find(0x4000));
  EXPECT_FALSE(map.find(0xfff));
}

TEST(Modules, HoldTheKernelsOwnLibraryAndGeneratedCode) {
  void* code = ::mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(code, MAP_FAILED);
  ModuleCache cache;
  cache.refresh();
  const auto generated = module_at(cache, reinterpret_cast<std::uint64_t>(code));
  ASSERT_TRUE(generated);
  EXPECT_EQ(generated->path, "[anon]");
  EXPECT_FALSE(generated->is_elf);
  const ModuleList modules = cache.modules();
  EXPECT_TRUE(std::any_of(modules.begin(), modules.end(),
                          [](const auto& m) { return m->path == "[vdso]" && m->is_elf; }));
  ::munmap(code, 4096);
}

TEST(Modules, StayBoundedHoweverManyLibrariesComeAndGo) {
  ModuleCache cache;
  testing::OpenedLibrary plugin(HOLDFAST_PLUGIN);
  ASSERT_TRUE(plugin.ok());
  cache.refresh();
  for (int i = 0; i < 20; ++i) {
    testing::OpenedLibrary other(HOLDFAST_STRIPPED_PLUGIN);
    ASSERT_TRUE(other.ok());
    cache.before_unmap();
    other.close();
    cache.refresh();
  }
  const ModuleList modules = cache.modules();
  const auto closed =
      std::count_if(modules.begin(), modules.end(), [](const auto& m) { return !m->is_loaded; });
  EXPECT_GE(closed, 1);
  EXPECT_LE(closed, 20);
  EXPECT_LE(static_cast<std::size_t>(closed), ModuleCache::kMaxClosed);
}

}  // namespace
}  // namespace holdfast::snapshot
