#include "snapshot/elf_symbols.h"

#include <elf.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstring>
#include <random>

#include "snapshot/loaded_objects.h"
#include "support/temporary.h"

namespace holdfast::snapshot {
namespace {

using holdfast::testing::read_text;
using holdfast::testing::TemporaryDirectory;
using holdfast::testing::write_text;

// No build id, so that the inode decides and a broken file is read all the same.
FileIdentity by_inode(const std::string& path) {
  struct stat status = {};
  ::stat(path.c_str(), &status);
  return {.build_id = {}, .inode = status.st_ino};
}

std::vector<std::uint64_t> every_address(std::uint64_t limit) {
  std::vector<std::uint64_t> addresses;
  for (std::uint64_t a = 0; a < limit; a += 16) addresses.push_back(a);
  return addresses;
}

bool has_name(const std::vector<FoundSymbol>& symbols, const std::string& name) {
  for (const FoundSymbol& s : symbols) {
    if (s.name == name) return true;
  }
  return false;
}

TEST(SymbolsInAFile, ComeFromTheTableAskedFor) {
  const auto addresses = every_address(0x8000);
  const auto full =
      find_symbols_in_file(HOLDFAST_PLUGIN, by_inode(HOLDFAST_PLUGIN), SymbolTable::full, addresses);
  ASSERT_TRUE(full);
  EXPECT_TRUE(has_name(*full, "plugin_entry"));
  EXPECT_TRUE(has_name(*full, "_ZN12_GLOBAL__N_111hidden_workEv"));
  const auto dynamic =
      find_symbols_in_file(HOLDFAST_PLUGIN, by_inode(HOLDFAST_PLUGIN), SymbolTable::dynamic, addresses);
  ASSERT_TRUE(dynamic);
  EXPECT_TRUE(has_name(*dynamic, "plugin_entry"));
  EXPECT_FALSE(has_name(*dynamic, "_ZN12_GLOBAL__N_111hidden_workEv"));
  EXPECT_FALSE(find_symbols_in_file(HOLDFAST_STRIPPED_PLUGIN, by_inode(HOLDFAST_STRIPPED_PLUGIN),
                                    SymbolTable::full, addresses));
}

TEST(SymbolsInAFile, AreRefusedWhenItIsNotTheFileMeant) {
  const std::uint64_t address[] = {0x1100};
  EXPECT_FALSE(
      find_symbols_in_file(HOLDFAST_PLUGIN, {.build_id = "00ff", .inode = 0}, SymbolTable::full, address));
  EXPECT_FALSE(
      find_symbols_in_file(HOLDFAST_PLUGIN, {.build_id = {}, .inode = 1}, SymbolTable::full, address));
  for (const char* path : {"", "/", "/nowhere/at/all", "/dev/zero", "/proc/self/status"}) {
    EXPECT_FALSE(find_symbols_in_file(path, by_inode(path), SymbolTable::full, address)) << path;
  }
}

TEST(SymbolsInAFile, AreReadFromEveryPrefixWithoutHarm) {
  const TemporaryDirectory directory;
  const std::string whole = read_text(HOLDFAST_PLUGIN);
  const std::string path = directory.file("cut.so");
  const auto addresses = every_address(0x4000);
  int readable = 0;
  for (std::size_t size = 0; size < whole.size(); size += 1 + whole.size() / 400) {
    write_text(path, whole.substr(0, size));
    readable += find_symbols_in_file(path, by_inode(path), SymbolTable::full, addresses).has_value();
  }
  EXPECT_EQ(readable, 0);  // the section table stands at the end of the file
}

TEST(SymbolsInAFile, AreReadFromFlippedHeadersWithoutHarm) {
  const TemporaryDirectory directory;
  const std::string whole = read_text(HOLDFAST_PLUGIN);
  const std::string path = directory.file("flipped.so");
  const auto addresses = every_address(0x4000);
  Elf64_Ehdr header;
  std::memcpy(&header, whole.data(), sizeof header);
  const std::size_t sections = header.e_shoff;
  std::mt19937 random(7);
  for (int round = 0; round < 600; ++round) {
    std::string broken = whole;
    for (int flips = 0; flips < 4; ++flips) {
      const bool in_header = random() % 4 == 0;
      const std::size_t at =
          in_header ? 4 + random() % (sizeof header - 4) : sections + random() % (whole.size() - sections);
      broken[at] = static_cast<char>(random() % 3 == 0 ? 0xff : random());
    }
    write_text(path, broken);
    for (const SymbolTable table : {SymbolTable::full, SymbolTable::dynamic}) {
      const auto found = find_symbols_in_file(path, by_inode(path), table, addresses);
      if (found) {
        EXPECT_EQ(found->size(), addresses.size());
      }
    }
  }
}

TEST(SymbolNames, LoseTheirVersionAndStayShort) {
  EXPECT_EQ(plain_symbol_name("memcpy@@GLIBC_2.14"), "memcpy");
  EXPECT_EQ(plain_symbol_name("malloc@GLIBC_2.2.5"), "malloc");
  EXPECT_EQ(plain_symbol_name("main"), "main");
  EXPECT_EQ(plain_symbol_name(std::string(50'000, 'x')).size(), 10u * 1024);
}

TEST(BuildIds, AreFoundAmongOtherNotesAndNeverBeyondTheEnd) {
  const auto note = [](std::uint32_t type, std::string name, const std::string& content) {
    name += '\0';
    Elf64_Nhdr header = {static_cast<Elf64_Word>(name.size()), static_cast<Elf64_Word>(content.size()), type};
    std::string bytes(reinterpret_cast<const char*>(&header), sizeof header);
    const auto pad = [](std::string text) { return text.append((4 - text.size() % 4) % 4, '\0'); };
    return bytes + pad(name) + pad(content);
  };
  const std::string notes = note(1, "Linux", "abc") + note(NT_GNU_BUILD_ID, "GNU", "\x01\xab\xff");
  EXPECT_EQ(build_id_in_notes(notes.data(), notes.size()), "01abff");
  for (std::size_t size = 0; size < notes.size(); ++size) {
    const std::string exactly = notes.substr(0, size);
    EXPECT_EQ(build_id_in_notes(exactly.data(), exactly.size()), "") << size;
  }
}

}  // namespace
}  // namespace holdfast::snapshot
