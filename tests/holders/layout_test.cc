#include "holders/layout.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/raw_memory.h"

namespace holdfast::holders {
namespace {

TEST(WritableMappings, ArePrivateOrAnonymousMemoryThatCanBeWritten) {
  const auto found = parse_writable_mappings(
      "1000-2000 r-xp 00000000 fe:01 12 /usr/bin/cat\n"
      "2000-3000 rw-p 00002000 fe:01 12                   /usr/bin/cat\n"
      "3000-4000 rw-p 00000000 00:00 0                    [heap]\n"
      "4000-5000 ---p 00000000 00:00 0\n"
      "5000-6000 rw-s 00000000 00:05 9                    /dev/dri/card0\n"
      "6000-7000 rw-s 00000000 00:01 9                    /dev/zero (deleted)\n"
      "7000-8000 rw-s 00000000 fe:01 9                    /var/lib/data base\n"
      "8000-9000 rw-p 00000000 00:00 0 \n"
      "9000-a000 rw-p 00000000 00:00 0                    [vvar]\n"
      "nonsense\n");
  std::vector<std::uintptr_t> starts;
  for (const WritableMapping& m : found) starts.push_back(m.start);
  EXPECT_THAT(starts, ::testing::ElementsAre(0x2000, 0x3000, 0x6000, 0x8000));
  EXPECT_EQ(found[1].path, "[heap]");
}

TEST(Layouts, LaterNotesGoBeforeEarlierOnesAndOnlyMappedMemoryCounts) {
  Layout layout;
  layout.add_mapping({0x1000, 0x5000, ""});
  layout.add_mapping({0x8000, 0x9000, ""});
  layout.add({0x2000, 0x3000, RangeKind::data, false, 4});
  layout.add({0x2800, 0x2900, RangeKind::skipped, false, 0});
  layout.add({0x5000, 0x8000, RangeKind::stack, false, 0});  // not mapped
  layout.add({0x8800, 0xa000, RangeKind::stack, false, 1});
  base::RawVector<Range> ranges;
  ASSERT_TRUE(layout.build(2, ranges));
  std::vector<std::pair<std::uintptr_t, std::uintptr_t>> bounds;
  for (const Range& r : ranges) bounds.emplace_back(r.start, r.limit);
  EXPECT_THAT(bounds,
              ::testing::ElementsAre(::testing::Pair(0x1000, 0x2000), ::testing::Pair(0x2000, 0x2800),
                                     ::testing::Pair(0x2900, 0x3000), ::testing::Pair(0x3000, 0x5000),
                                     ::testing::Pair(0x8000, 0x8800), ::testing::Pair(0x8800, 0x9000)));
  EXPECT_EQ(range_of(ranges, 0x2100)->index, 4u);
  EXPECT_EQ(range_of(ranges, 0x2850), nullptr);
  EXPECT_EQ(range_of(ranges, 0x2fff)->kind, RangeKind::data);
  EXPECT_EQ(range_of(ranges, 0x9000), nullptr);
  EXPECT_EQ(range_of(ranges, 0x10), nullptr);
}

TEST(OwnMemory, IsKnownWhileItIsMapped) {
  const auto knows = [](const void* p) {
    base::MappedRange ranges[4096];
    const std::size_t count = base::mapped_ranges(ranges, 4096);
    for (std::size_t i = 0; i < count && i < 4096; ++i) {
      if (ranges[i].start == reinterpret_cast<std::uintptr_t>(p)) return ranges[i].bytes == 8192;
    }
    return false;
  };
  void* a = base::map_pages(5000);
  void* b = base::map_pages(8192);
  EXPECT_TRUE(knows(a));
  EXPECT_TRUE(knows(b));
  base::unmap_pages(a, 5000);
  EXPECT_FALSE(knows(a));
  EXPECT_TRUE(knows(b));
  base::unmap_pages(b, 8192);
  EXPECT_FALSE(knows(b));
}

}  // namespace
}  // namespace holdfast::holders
