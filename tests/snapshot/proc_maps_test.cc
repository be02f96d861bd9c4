#include "snapshot/proc_maps.h"

#include <gtest/gtest.h>

namespace holdfast::snapshot {
namespace {

TEST(ExecutableMappings, AreTheLinesWithAnX) {
  const auto found = parse_executable_mappings(
      "55d0c0000000-55d0c0002000 r--p 00000000 fe:01 1234                       /usr/bin/cat\n"
      "55d0c0002000-55d0c0007000 r-xp 00002000 fe:01 1234                       /usr/bin/cat\n"
      "7ffd1b1f5000-7ffd1b1f7000 r-xp 00000000 00:00 0                          [vdso]\n");
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].range, (CodeRange{0x55d0c0002000, 0x55d0c0007000, 0x2000}));
  EXPECT_EQ(found[0].path, "/usr/bin/cat");
  EXPECT_EQ(found[0].inode, 1234u);
  EXPECT_EQ(found[1].path, "[vdso]");
  EXPECT_EQ(found[1].inode, 0u);
}

TEST(ExecutableMappings, KeepSpacesInPathsAndDropTheDeletedMark) {
  const auto found = parse_executable_mappings("1000-2000 r-xp 0 08:01 7 /opt/my app/lib.so (deleted)\n");
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].path, "/opt/my app/lib.so");
}

TEST(ExecutableMappings, OfGeneratedCodeHaveNoPath) {
  for (const char* line : {"1000-2000 rwxp 00000000 00:00 0 \n", "1000-2000 rwxp 00000000 00:00 0"}) {
    const auto found = parse_executable_mappings(line);
    ASSERT_EQ(found.size(), 1u) << line;
    EXPECT_EQ(found[0].path, "");
  }
}

TEST(ExecutableMappings, SkipLinesOfAnotherForm) {
  for (const char* line :
       {"", "\n", "1000", "1000-", "1000-2000", "1000-2000 r-x", "1000-2000 r-xp 0 08:01",
        "2000-1000 r-xp 0 08:01 7 /x\n", "zzzz-2000 r-xp 0 08:01 7 /x\n", "1000-2000 r-xp 0 0801 7 /x"}) {
    EXPECT_TRUE(parse_executable_mappings(line).empty()) << line;
  }
}

TEST(ExecutableMappings, OfThisProcessHoldThisFunction) {
  const auto here = reinterpret_cast<std::uint64_t>(&parse_executable_mappings);
  const auto mappings = parse_executable_mappings(read_own_maps());
  EXPECT_TRUE(std::any_of(mappings.begin(), mappings.end(), [&](const MappedCode& m) {
    return here >= m.range.start && here < m.range.limit;
  }));
}

}  // namespace
}  // namespace holdfast::snapshot
