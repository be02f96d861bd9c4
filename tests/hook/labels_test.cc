// Labels on real allocations: kept with the block, in both modes, with remembered stacks and through realloc.
#include <gtest/gtest.h>
#include <holdfast/labels.h>

#include <cstdlib>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "hook/recording.h"
#include "record/recorder.h"

namespace holdfast::hook {
namespace {

HOLDFAST_TEST_SITE void* take_labelled(std::size_t n) {
  void* p = std::malloc(n);
  asm volatile("" : : "r"(p) : "memory");
  return p;
}

// Bytes in use under each set of labels, "tenant=a route=x", of the sites through take_labelled.
std::map<std::string, double> by_labels(const Recording& recording) {
  const record::QuietScope quiet;
  std::map<std::string, double> bytes;
  const auto start = reinterpret_cast<std::uintptr_t>(&take_labelled);
  for (const snapshot::FrozenSite& site : recording.freeze().sites) {
    bool passes = false;
    for (const std::uint64_t pc : site.stack) passes = passes || pc - start < kSiteCode;
    if (!passes || site.inuse_bytes == 0) continue;
    std::string name;
    for (const auto& [key, value] : site.labels) name += (name.empty() ? "" : " ") + key + "=" + value;
    bytes[name] += site.inuse_bytes;
  }
  return bytes;
}

TEST(Labels, StayWithTheBlockUntilItIsFreed) {
  const Recording recording(record::kExact);
  std::vector<void*> blocks;
  blocks.reserve(100);
  // One place, one stack: what is remembered of it must not carry the labels of the time before.
  for (int i = 0; i < 30; ++i) {
    const Label tenant("tenant", i % 3);
    for (const std::size_t n : {100, 50'000}) blocks.push_back(take_labelled(n));
  }
  for (const std::size_t n : {100, 50'000}) blocks.push_back(take_labelled(n));
  EXPECT_EQ(by_labels(recording),
            (std::map<std::string, double>{
                {"", 50'100}, {"tenant=0", 501'000}, {"tenant=1", 501'000}, {"tenant=2", 501'000}}));
  {
    const Label other("tenant", "other");
    for (void* p : blocks) std::free(p);
  }
  EXPECT_EQ(by_labels(recording), (std::map<std::string, double>{}));
}

TEST(Labels, NestAndCrossThreads) {
  const Recording recording(record::kExact);
  void* inner = nullptr;
  void* outer = nullptr;
  {
    const Label tenant("tenant", "acme");
    const Label route("route", "/v1");
    std::thread([&, labels = Labels::capture()] {
      outer = take_labelled(1000);
      const Labels::Scope scope(labels);
      inner = take_labelled(2000);
    }).join();
  }
  EXPECT_EQ(by_labels(recording),
            (std::map<std::string, double>{{"", 1000}, {"route=/v1 tenant=acme", 2000}}));
  std::free(inner);
  std::free(outer);
}

TEST(Labels, AreOnSamplesOfBothSizes) {
  constexpr std::uint64_t kInterval = 4096;
  const Recording recording(kInterval);
  std::vector<void*> blocks;
  blocks.reserve(20'000);
  for (int i = 0; i < 10'000; ++i) {
    const Label tenant("tenant", i % 2 == 0 ? "even" : "odd");
    blocks.push_back(take_labelled(i % 100 == 0 ? 100'000 : 1000));
  }
  std::map<std::string, double> bytes = by_labels(recording);
  // 5000 blocks of 1000 bytes, 100 of them of 100,000 and all those even; within five standard errors.
  EXPECT_NEAR(bytes["tenant=odd"], 5e6, 5 * 4096 * 35);
  EXPECT_NEAR(bytes["tenant=even"], 4.9e6 + 1e7, 5 * 4096 * 35);
  EXPECT_EQ(bytes.count(""), 0u);
  for (void* p : blocks) std::free(p);
}

TEST(Labels, FloodOfValuesIsFoldedAndBounded) {
  const Recording recording(record::kExact);
  std::vector<void*> blocks;
  blocks.reserve(20'000);
  for (int i = 0; i < 20'000; ++i) {
    const Label label("flood", i);
    blocks.push_back(take_labelled(8));
  }
  const std::map<std::string, double> bytes = by_labels(recording);
  EXPECT_EQ(bytes.size(), 101u);
  EXPECT_EQ(bytes.at("flood=(other)"), 8 * 19'900);
  EXPECT_EQ(bytes.at("flood=99"), 8);
  EXPECT_GE(record::g_recorder.labels().folded(), 19'900u);
  for (void* p : blocks) std::free(p);
}

TEST(Labels, AReallocInPlaceTakesTheLabelsOfItsTime) {
  const Recording recording(record::kExact);
  void* p = nullptr;
  {
    const Label before("phase", "before");
    p = take_labelled(1000);
  }
  // realloc is an allocation of its own, at its own place.
  const Label after("phase", "after");
  p = std::realloc(p, 1010);
  EXPECT_EQ(by_labels(recording), (std::map<std::string, double>{}));
  std::free(p);
}

}  // namespace
}  // namespace holdfast::hook
