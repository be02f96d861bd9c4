// Where the resident memory is, as the endpoint and a saved profile tell it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>

#include "profile/pprof.h"
#include "session/asking.h"

namespace holdfast {
namespace {

using ::testing::AllOf;
using testing::ask;
using ::testing::Contains;
using ::testing::HasSubstr;
using testing::header;
using ::testing::StartsWith;

TEST(MemoryTable, IsAnsweredAsJson) {
  auto heap = Session::open();
  ASSERT_TRUE(heap) << heap.error().what;
  const HttpResponse response = ask("/debug/holdfast/memory");
  EXPECT_EQ(response.status, 200);
  EXPECT_THAT(header(response, "Content-Type"), HasSubstr("application/json"));
  EXPECT_THAT(response.body, AllOf(StartsWith("{\"schema\":\"holdfast.memory/1\",\"time_ns\":"),
                                   HasSubstr("\"rss_bytes\":"), HasSubstr("\"in_use_interval_95\":["),
                                   HasSubstr("\"retained\":"), HasSubstr("\"unexplained\":")));
}

TEST(MemoryTable, TravelsWithTheProfile) {
  auto heap = Session::open({.exact = true});
  ASSERT_TRUE(heap) << heap.error().what;
  void* volatile block = std::malloc(std::size_t{20} << 20);
  std::memset(block, 1, std::size_t{20} << 20);
  const Result<std::string> bytes = heap->heap_profile();
  std::free(block);
  ASSERT_TRUE(bytes) << bytes.error().what;
  const Result<profile::Profile> profile = profile::decode_pprof(*bytes);
  ASSERT_TRUE(profile) << profile.error().what;
  ASSERT_TRUE(profile->history && profile->history->memory) << profile->history_note;
  const profile::MemoryTable& table = *profile->history->memory;
  EXPECT_GE(table.part("in_use"), std::int64_t{20} << 20);
  EXPECT_GE(table.rss, std::uint64_t{20} << 20);
  // Comments that begin with '#' stay out of pprof's reports.
  EXPECT_THAT(profile->comments, Contains(AllOf(StartsWith("# rss "), HasSubstr(" in use"))));
}

}  // namespace
}  // namespace holdfast
