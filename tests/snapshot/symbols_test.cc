#include "snapshot/symbols.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <string>

#include "opened_library.h"
#include "support/temporary.h"

namespace holdfast::snapshot {

// Functions to be found by name. Volatile work, so that none is folded with another or optimised away.
volatile int work_done = 0;
__attribute__((noinline)) void public_work() { work_done = work_done + 1; }

template <typename T>
struct Handler {
  __attribute__((noinline)) static void handle(T) { work_done = work_done + 3; }
};

namespace {

__attribute__((noinline)) void private_work() { work_done = work_done + 2; }

template <typename Function>
std::uint64_t inside(Function* function) {
  return reinterpret_cast<std::uint64_t>(function) + 1;
}

struct Explained {
  Symbol symbol;
  std::string file;
};

Explained explain(Symbolizer& symbolizer, std::uint64_t address) {
  const Explanation explanation = symbolizer.explain(std::span(&address, 1));
  const ExplainedAddress& found = explanation.addresses.at(0);
  return {*found.symbol,
          found.mapping == kOutsideMappings ? "" : explanation.mappings.at(found.mapping).path};
}

class Symbols : public ::testing::Test {
 protected:
  Explained explain(std::uint64_t address) { return snapshot::explain(symbolizer_, address); }
  ModuleCache modules_;
  Symbolizer symbolizer_{modules_};
};

TEST_F(Symbols, OfTheProgramItselfAreFoundWithoutExportingThem) {
  const Explained found = explain(inside(&public_work));
  EXPECT_EQ(found.symbol.name, "holdfast::snapshot::public_work()");
  EXPECT_EQ(found.symbol.system_name, "_ZN8holdfast8snapshot11public_workEv");
  EXPECT_EQ(found.symbol.start, reinterpret_cast<std::uint64_t>(&public_work));
  EXPECT_TRUE(found.symbol.is_known);
  EXPECT_EQ(found.file, std::filesystem::read_symlink("/proc/self/exe"));
}

TEST_F(Symbols, OfStaticFunctionsAndTemplatesAreFound) {
  EXPECT_EQ(explain(inside(&private_work)).symbol.name,
            "holdfast::snapshot::(anonymous namespace)::private_work()");
  EXPECT_EQ(explain(inside(&Handler<long>::handle)).symbol.name,
            "holdfast::snapshot::Handler<long>::handle(long)");
}

TEST_F(Symbols, OfAPluginAreFoundAlsoAfterItWasClosed) {
  testing::OpenedLibrary plugin(HOLDFAST_PLUGIN);
  ASSERT_TRUE(plugin.ok());
  const std::uint64_t entry = plugin.symbol("plugin_entry") + 1;
  const std::uint64_t hidden = plugin.hidden_work() + 1;
  EXPECT_EQ(explain(entry).symbol.name, "plugin_entry");
  modules_.before_unmap();
  plugin.close();
  EXPECT_EQ(explain(entry).symbol.name, "plugin_entry");
  // Not asked for while it was open: the file still tells.
  const Explained found = explain(hidden);
  EXPECT_EQ(found.symbol.name, "(anonymous namespace)::hidden_work()");
  EXPECT_EQ(std::filesystem::path(found.file).filename(), "plugin.so");
}

TEST_F(Symbols, OfAStrippedLibraryAreItsExportedOnesAndElseModuleAndOffset) {
  testing::OpenedLibrary plugin(HOLDFAST_STRIPPED_PLUGIN);
  ASSERT_TRUE(plugin.ok());
  EXPECT_EQ(explain(plugin.symbol("plugin_entry") + 1).symbol.name, "plugin_entry");
  const Explained hidden = explain(plugin.hidden_work());
  EXPECT_FALSE(hidden.symbol.is_known);
  EXPECT_EQ(hidden.symbol.system_name, hidden.symbol.name);
  ASSERT_TRUE(hidden.symbol.name.starts_with("stripped_plugin.so+0x")) << hidden.symbol.name;
  // The offset is the address in the unstripped file too, as addr2line takes it.
  testing::OpenedLibrary whole(HOLDFAST_PLUGIN);
  Dl_info info = {};
  ASSERT_NE(::dladdr(reinterpret_cast<void*>(whole.hidden_work()), &info), 0);
  const auto offset = whole.hidden_work() - reinterpret_cast<std::uint64_t>(info.dli_fbase);
  EXPECT_EQ(std::stoull(hidden.symbol.name.substr(hidden.symbol.name.find('+') + 1), nullptr, 16), offset);
}

TEST_F(Symbols, OfADeletedFileComeFromMemory) {
  const testing::TemporaryDirectory directory;
  const std::string copy = directory.file("deleted.so");
  std::filesystem::copy_file(HOLDFAST_PLUGIN, copy);
  testing::OpenedLibrary plugin(copy);
  ASSERT_TRUE(plugin.ok());
  std::filesystem::remove(copy);
  EXPECT_EQ(explain(plugin.symbol("plugin_entry") + 1).symbol.name, "plugin_entry");
  const Explained hidden = explain(plugin.hidden_work() + 1);
  EXPECT_TRUE(hidden.symbol.name.starts_with("deleted.so+0x")) << hidden.symbol.name;
  EXPECT_EQ(hidden.file, copy);
}

TEST_F(Symbols, AreNotTakenFromAnotherFileThatTookThePath) {
  const testing::TemporaryDirectory directory;
  const std::string path = directory.file("replaced.so");
  std::filesystem::copy_file(HOLDFAST_PLUGIN, path);
  testing::OpenedLibrary plugin(path);
  ASSERT_TRUE(plugin.ok());
  std::filesystem::remove(path);
  std::filesystem::copy_file("/proc/self/exe", path);  // other code, other build id, full .symtab
  EXPECT_EQ(explain(plugin.symbol("plugin_entry") + 1).symbol.name, "plugin_entry");
  EXPECT_TRUE(explain(plugin.hidden_work() + 1).symbol.name.starts_with("replaced.so+0x"));
}

TEST_F(Symbols, OfTheKernelsOwnLibraryAreFound) {
  testing::OpenedLibrary vdso("linux-vdso.so.1");
  if (!vdso.ok() || vdso.symbol("__vdso_clock_gettime") == 0) GTEST_SKIP() << "no vDSO that dlopen can reach";
  const Explained found = explain(vdso.symbol("__vdso_clock_gettime") + 1);
  EXPECT_TRUE(found.symbol.name.find("clock_gettime") != std::string::npos) << found.symbol.name;
  EXPECT_EQ(found.file, "[vdso]");
}

TEST_F(Symbols, OfTheCLibraryAreFoundWhetherOrNotItIsStripped) {
  const auto found = explain(reinterpret_cast<std::uint64_t>(::dlsym(RTLD_DEFAULT, "qsort_r")) + 8);
  EXPECT_TRUE(found.symbol.name.find("qsort_r") != std::string::npos) << found.symbol.name;
}

TEST_F(Symbols, OfAddressesInNoMappingAreTheAddress) {
  const Explained found = explain(0x10);
  EXPECT_EQ(found.symbol.name, "0x10");
  EXPECT_EQ(found.file, "");
  EXPECT_EQ(explain(0).symbol.name, "0x0");
  EXPECT_EQ(explain(~std::uint64_t{0}).symbol.name, "0xffffffffffffffff");
}

TEST_F(Symbols, OfABatchComeInItsOrderAndShareTheirNames) {
  const std::uint64_t start = inside(&public_work);
  const std::uint64_t addresses[] = {start, inside(&private_work), start, 0, start + 1};
  const Explanation explanation = symbolizer_.explain(addresses);
  ASSERT_EQ(explanation.addresses.size(), 5u);
  EXPECT_EQ(explanation.addresses[0].symbol, explanation.addresses[2].symbol);
  EXPECT_EQ(explanation.addresses[0].symbol, explanation.addresses[4].symbol);
  EXPECT_EQ(explanation.addresses[1].symbol->name,
            "holdfast::snapshot::(anonymous namespace)::private_work()");
  EXPECT_EQ(explanation.addresses[3].mapping, kOutsideMappings);
  EXPECT_EQ(explanation.mappings.at(0).path, std::filesystem::read_symlink("/proc/self/exe"));
}

TEST(Demangle, WritesPlainNamesAndLeavesOthersAlone) {
  EXPECT_EQ(demangle("_ZN3foo3barEv"), "foo::bar()");
  EXPECT_EQ(demangle("_ZN3foo3barEv.cold"), "foo::bar() [clone .cold]");
  EXPECT_EQ(demangle("main"), "main");
  EXPECT_EQ(demangle("_Z"), "_Z");
  EXPECT_EQ(demangle("_ZN3fo"), "_ZN3fo");
  EXPECT_EQ(demangle("i"), "i");  // a type's name to the demangler, a function's to us
  EXPECT_EQ(demangle(""), "");
}

}  // namespace
}  // namespace holdfast::snapshot
