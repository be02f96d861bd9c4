#include "serve/delta_bases.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "canned_sources.h"
#include "profile/pprof.h"
#include "serve/routes.h"

namespace holdfast::serve {
namespace {

using ::testing::ElementsAre;

// The canned heap after `allocated` more bytes at the leak, at second `seconds`.
profile::Profile heap(std::int64_t allocated, std::int64_t seconds) {
  profile::Profile p = holdfast::testing::canned_profile();
  p.samples[0].values[0] += allocated / 1000;
  p.samples[0].values[1] += allocated;
  p.time_nanos += seconds * 1'000'000'000;
  p.history.emplace().uptime_ns = (100 + seconds) * 1'000'000'000;
  return p;
}

TEST(DeltaBases, CountAllocationsSinceTheStartAtFirstAndSinceTheLastVisitThen) {
  DeltaBases bases;
  const profile::Profile first = bases.since("alloy", heap(0, 0));
  EXPECT_EQ(first.duration_nanos, 100'000'000'000);
  EXPECT_EQ(first.samples, heap(0, 0).samples);
  EXPECT_FALSE(first.history);
  const profile::Profile second = bases.since("alloy", heap(5000, 15));
  EXPECT_EQ(second.duration_nanos, 15'000'000'000);
  ASSERT_EQ(second.samples.size(), 2u);  // main allocated nothing, but holds something
  EXPECT_THAT(second.samples[0].values, ElementsAre(5, 5000, 2, 65536));
  EXPECT_THAT(second.samples[1].values, ElementsAre(0, 0, 5, 500));
  EXPECT_THAT(bases.since("alloy", heap(5000, 30)).samples[0].values, ElementsAre(0, 0, 2, 65536));
}

TEST(DeltaBases, AreEachTheirOwn) {
  DeltaBases bases;
  bases.since("a", heap(0, 0));
  bases.since("b", heap(1000, 1));
  EXPECT_EQ(bases.since("a", heap(3000, 2)).samples[0].values[1], 3000);
  EXPECT_EQ(bases.since("b", heap(3000, 2)).samples[0].values[1], 2000);
}

TEST(DeltaBases, MakeRoomForNewNamesByForgettingTheLongestUnused) {
  DeltaBases bases;
  bases.since("kept", heap(0, 0));
  bases.since("forgotten", heap(0, 0));
  for (std::size_t i = 0; i < DeltaBases::kMaxNames - 1; ++i) {
    bases.since("kept", heap(0, 0));
    bases.since(std::to_string(i), heap(0, 0));
  }
  EXPECT_EQ(bases.size(), DeltaBases::kMaxNames);
  EXPECT_EQ(bases.since("kept", heap(7, 1)).samples[0].values[1], 7);
  EXPECT_EQ(bases.since("forgotten", heap(7, 1)).samples[0].values[1], 2 * 65536 + 7);
}

TEST(DeltaBases, KnowARowByItsStackAndItsTextLabelsAlone) {
  DeltaBases bases;
  profile::Profile p = heap(0, 0);
  p.samples[0].labels = {{.key = "bytes", .text = {}, .number = 512, .unit = "bytes"},
                         {.key = "tenant", .text = "a", .number = 0, .unit = {}}};
  bases.since("x", p);
  p.samples[0].labels[0].number = 640;  // the mean size moved
  EXPECT_EQ(bases.since("x", p).samples[0].values[1], 0);
  p.samples[0].labels[1].text = "b";
  EXPECT_GT(bases.since("x", p).samples[0].values[1], 0);
}

TEST(DeltaBases, AreNeverNegative) {
  DeltaBases bases;
  bases.since("x", heap(9000, 0));
  const profile::Profile after = bases.since("x", heap(0, 10));
  for (const profile::Sample& sample : after.samples) {
    for (const std::int64_t value : sample.values) EXPECT_GE(value, 0);
  }
}

TEST(DeltaHeapRoute, WantsAName) {
  Routes routes(holdfast::testing::canned_sources());
  Request request;
  request.method = "GET";
  request.path = "/debug/pprof/delta_heap";
  EXPECT_EQ(routes.handle(request).status, 400);
  request.query = {{"base", std::string(65, 'n')}};
  EXPECT_EQ(routes.handle(request).status, 400);
  request.query = {{"base", "alloy"}};
  request.method = "HEAD";  // reads nothing, moves nothing
  EXPECT_EQ(routes.handle(request).status, 200);
  request.method = "GET";
  const auto values = [&] {
    const auto decoded = profile::decode_pprof(routes.handle(request).body);
    EXPECT_TRUE(decoded);
    EXPECT_EQ(decoded->default_sample_type, "alloc_space");
    return decoded->samples.at(0).values;
  };
  EXPECT_THAT(values(), ElementsAre(4, 131072, 2, 65536));
  EXPECT_THAT(values(), ElementsAre(0, 0, 2, 65536));
}

}  // namespace
}  // namespace holdfast::serve
