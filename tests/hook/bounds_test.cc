// What happens at the recorder's limits: nothing is lost in silence. Each test in a process of its own, as it
// spoils the recorder for others.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <malloc.h>

#include <cstdlib>
#include <cstring>
#include <vector>

#include "hook/recording.h"
#include "hook/slow_path.h"
#include "snapshot/losses.h"

namespace holdfast::hook {
namespace {

using record::g_recorder;

HOLDFAST_TEST_SITE void* take(std::size_t n) {
  void* p = std::malloc(n);
  asm volatile("" : : "r"(p) : "memory");
  return p;
}

Sum taken(const Recording& r) { return through(r.freeze(), reinterpret_cast<void*>(&take)); }

[[noreturn]] void end() { std::exit(testing::Test::HasFailure() ? 1 : 0); }

void fill_a_region_without_room() {
  const Recording recording(record::kExact);
  g_recorder.shrink_region();
  std::vector<char*> blocks;
  blocks.reserve(20'000);
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < blocks.capacity(); ++i) {
    blocks.push_back(static_cast<char*>(take(i % 3000 + 1)));
    std::memset(blocks.back(), static_cast<int>(i), i % 3000 + 1);
    bytes += i % 3000 + 1;
  }
  EXPECT_GT(g_recorder.drops().region_full.load(), 0u);
  EXPECT_EQ(taken(recording).inuse_bytes, bytes);
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    EXPECT_GE(malloc_usable_size(blocks[i]), i % 3000 + 1);
    blocks[i] = static_cast<char*>(std::realloc(blocks[i], i % 3000 + 2000));
    if (blocks[i][i % 3000] != static_cast<char>(i)) ADD_FAILURE() << "a block lost its bytes";
  }
  EXPECT_EQ(taken(recording).inuse_bytes, 0);
  for (char* p : blocks) std::free(p);
  const snapshot::Frozen frozen = recording.freeze();
  for (const snapshot::FrozenSite& site : frozen.sites) {
    EXPECT_EQ(site.history.live.empty(), site.history.alloc_samples == site.history.freed_samples);
  }
  end();
}

TEST(AtItsLimits, ARegionWithoutRoomLosesNoBlock) {
  EXPECT_EXIT(fill_a_region_without_room(), testing::ExitedWithCode(0), "");
}

void sample_without_room() {
  const Recording recording(4096);
  g_recorder.shrink_region();
  std::vector<void*> blocks;
  for (int i = 0; i < 50'000; ++i) blocks.push_back(take(100));
  const Sum held = taken(recording);
  EXPECT_GT(held.alloc_samples, 500u);
  EXPECT_NEAR(held.inuse_bytes, 5e6, 1e6);
  for (void* p : blocks) std::free(p);
  EXPECT_NEAR(taken(recording).inuse_bytes, 0, 1);
  end();
}

TEST(AtItsLimits, SamplesAreTakenWithoutRoomInTheRegion) {
  EXPECT_EXIT(sample_without_room(), testing::ExitedWithCode(0), "");
}

void allocate_from_too_many_sites() {
  const Recording recording(record::kExact);
  void* known = take(1000);
  std::uintptr_t stack[4] = {1, 2, 3, 4};
  std::uint32_t folded = 0;
  for (std::uintptr_t i = 0; i < record::SiteTable::kMaxSites + 1000; ++i) {
    stack[0] = i * 16 + 7;
    if (g_recorder.sites().intern(stack, 4) == record::SiteId::folded) ++folded;
  }
  EXPECT_GE(folded, 1000u);
  EXPECT_EQ(g_recorder.sites().size(), record::SiteTable::kMaxSites);
  // Sites known before are told apart still; a new one goes to the folded site.
  const std::uint64_t folded_before = g_recorder.sites().folded();
  void* again = take(500);
  asm volatile("" : : "r"(again) : "memory");
  EXPECT_GT(g_recorder.sites().folded(), folded_before);
  const snapshot::Frozen frozen = recording.freeze();
  EXPECT_EQ(through(frozen, reinterpret_cast<void*>(&take)).inuse_bytes, 1000);
  ASSERT_FALSE(frozen.sites.empty());
  EXPECT_TRUE(frozen.sites.front().stack.empty());
  EXPECT_GE(frozen.sites.front().inuse_bytes, 500);
  EXPECT_THAT(frozen.comments, testing::Contains(testing::StartsWith("# samples folded: too many sites: ")));
  std::free(again);
  std::free(known);
  end();
}

TEST(AtItsLimits, AMillionSitesAreToldApartAndTheRestIsFoldedAndCounted) {
  EXPECT_EXIT(allocate_from_too_many_sites(), testing::ExitedWithCode(0), "");
}

TEST(AtItsLimits, EveryKindOfLossIsAmongTheCommentsHiddenFromReports) {
  const Recording recording(record::kExact);
  const snapshot::Frozen frozen = recording.freeze();
  for (const snapshot::Loss& loss : snapshot::losses(g_recorder)) {
    EXPECT_THAT(frozen.comments,
                testing::Contains(testing::StartsWith(std::string("# ") + loss.what + ": ")));
  }
  for (const std::string& comment : frozen.comments) EXPECT_EQ(comment.front(), '#');
}

}  // namespace
}  // namespace holdfast::hook
