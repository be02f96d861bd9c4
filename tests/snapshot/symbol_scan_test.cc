#include "snapshot/symbol_scan.h"

#include <gtest/gtest.h>

#include <initializer_list>

namespace holdfast::snapshot {
namespace {

// Names are told apart by their offsets in the string table.
Elf64_Sym symbol(std::uint32_t name, std::uint64_t start, std::uint64_t size, unsigned bind = STB_GLOBAL,
                 unsigned type = STT_FUNC) {
  Elf64_Sym made = {};
  made.st_name = name;
  made.st_info = static_cast<unsigned char>(ELF64_ST_INFO(bind, type));
  made.st_shndx = 1;
  made.st_value = start;
  made.st_size = size;
  return made;
}

// The name chosen for `address` among `symbols` in code at [0x1000, 0x2000); 0 for none.
std::uint32_t chosen(std::initializer_list<Elf64_Sym> symbols, std::uint64_t address) {
  const std::uint64_t addresses[] = {address};
  SymbolScan scan(addresses, {{0x1000, 0x2000}});
  for (const Elf64_Sym& s : symbols) scan.add(s);
  return scan.choose()[0].name;
}

TEST(SymbolScan, TakesTheFunctionThatSpansTheAddress) {
  const auto symbols = {symbol(1, 0x1000, 0x100), symbol(2, 0x1100, 0x100)};
  EXPECT_EQ(chosen(symbols, 0x1000), 1u);
  EXPECT_EQ(chosen(symbols, 0x10ff), 1u);
  EXPECT_EQ(chosen(symbols, 0x1100), 2u);
  EXPECT_EQ(chosen(symbols, 0x1200), 0u);
}

TEST(SymbolScan, TakesTheInnermostOfNestedFunctions) {
  const auto symbols = {symbol(1, 0x1000, 0x400), symbol(2, 0x1100, 0x10)};
  EXPECT_EQ(chosen(symbols, 0x1108), 2u);
  EXPECT_EQ(chosen(symbols, 0x1110), 1u);
}

TEST(SymbolScan, ExtendsAssemblyWithoutASizeToTheNextSymbol) {
  const auto symbols = {symbol(1, 0x1000, 0, STB_GLOBAL, STT_NOTYPE), symbol(2, 0x1100, 0x10)};
  EXPECT_EQ(chosen(symbols, 0x10f0), 1u);
  EXPECT_EQ(chosen(symbols, 0x1108), 2u);
  EXPECT_EQ(chosen(symbols, 0x1180), 0u);  // behind the end of a function that knows its size
}

TEST(SymbolScan, PrefersTheGlobalAliasAndTheOneWithASize) {
  EXPECT_EQ(chosen({symbol(1, 0x1000, 16, STB_LOCAL), symbol(2, 0x1000, 16), symbol(3, 0x1000, 16, STB_WEAK)},
                   0x1001),
            2u);
  EXPECT_EQ(chosen({symbol(1, 0x1000, 0), symbol(2, 0x1000, 16, STB_LOCAL)}, 0x1001), 2u);
}

TEST(SymbolScan, KnowsFunctionsThatAreResolvedAtLoadTime) {
  EXPECT_EQ(chosen({symbol(1, 0x1000, 16, STB_GLOBAL, STT_GNU_IFUNC)}, 0x1001), 1u);
}

TEST(SymbolScan, IgnoresWhatIsNoCode) {
  EXPECT_EQ(chosen({symbol(1, 0x1000, 16, STB_GLOBAL, STT_OBJECT)}, 0x1001), 0u);
  EXPECT_EQ(chosen({symbol(1, 0x1000, 0, STB_LOCAL, STT_NOTYPE)}, 0x1001), 0u);
  EXPECT_EQ(chosen({symbol(1, 0x0800, 0x1000)}, 0x1001), 0u);
  auto imported = symbol(1, 0x1000, 16);
  imported.st_shndx = SHN_UNDEF;
  EXPECT_EQ(chosen({imported}, 0x1001), 0u);
}

TEST(SymbolScan, SurvivesSizesThatWrapAround) {
  const auto symbols = {symbol(1, 0x1000, ~std::uint64_t{0}), symbol(2, 0x1100, 0x10)};
  EXPECT_EQ(chosen(symbols, 0x1108), 2u);
  EXPECT_EQ(chosen(symbols, 0x1fff), 1u);
}

TEST(SymbolScan, AnswersABatchInOnePass) {
  std::vector<std::uint64_t> addresses;
  for (std::uint64_t a = 0x1000; a < 0x2000; a += 0x20) addresses.push_back(a + 7);
  SymbolScan scan(addresses, {{0x1000, 0x2000}});
  for (std::uint32_t i = 128; i-- > 0;) scan.add(symbol(i + 1, 0x1000 + i * 0x20ull, 0x20));
  const auto choices = scan.choose();
  ASSERT_EQ(choices.size(), 128u);
  for (std::uint32_t i = 0; i < 128; ++i) {
    EXPECT_EQ(choices[i].name, i + 1);
    EXPECT_EQ(choices[i].start, 0x1000 + i * 0x20ull);
  }
}

}  // namespace
}  // namespace holdfast::snapshot
