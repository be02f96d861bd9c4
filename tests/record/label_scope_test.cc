// Labels as a thread has them in force, whatever the order in which they end.
#include <gtest/gtest.h>
#include <holdfast/labels.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/raw_memory.h"
#include "record/recorder.h"

namespace holdfast::record {
namespace {

using Told = std::map<std::string, std::string>;

// What a sample taken now on this thread would carry.
Told in_force() {
  Told labels;
  LabelTable& table = g_recorder.labels();
  table.each(labels_in_force(t_state, table),
             [&](std::string_view key, std::string_view value) { labels.emplace(key, value); });
  return labels;
}

TEST(LabelScope, NestsAndEnds) {
  EXPECT_EQ(in_force(), Told{});
  {
    const Label tenant("tenant", "acme");
    EXPECT_EQ(in_force(), (Told{{"tenant", "acme"}}));
    {
      const Label route("route", std::string("/v1"));
      EXPECT_EQ(in_force(), (Told{{"tenant", "acme"}, {"route", "/v1"}}));
      const Label other("tenant", 42);
      EXPECT_EQ(in_force(), (Told{{"tenant", "42"}, {"route", "/v1"}}));
    }
    EXPECT_EQ(in_force(), (Told{{"tenant", "acme"}}));
  }
  EXPECT_EQ(in_force(), Told{});
  EXPECT_EQ(t_state.labels, nullptr);
}

TEST(LabelScope, OddTextsAreMadeHarmless) {
  const Label none("", "value");
  EXPECT_EQ(in_force(), Told{});
  const Label empty("a", "");
  const char* missing = nullptr;
  const Label null("e", missing);
  const Label yes("b", true);
  const Label negative("c", -7);
  // 119 bytes and a sequence of two do not fit: the sequence is not cut in two.
  const Label wide("d", std::string(119, 'x') + "\u00e9" + "tail");
  EXPECT_EQ(in_force(), (Told{{"a", "(empty)"},
                              {"b", "true"},
                              {"c", "-7"},
                              {"d", std::string(117, 'x') + "\u2026"},
                              {"e", "(empty)"}}));
}

TEST(LabelScope, LabelsMayEndInAnyOrder) {
  std::optional<Label> first(std::in_place, "a", 1), second(std::in_place, "b", 2),
      third(std::in_place, "c", 3);
  second.reset();
  EXPECT_TRUE(in_force().contains("c"));
  third.reset();
  EXPECT_EQ(in_force(), (Told{{"a", "1"}}));
  first.reset();
  EXPECT_EQ(t_state.labels, nullptr);
}

TEST(LabelScope, ALabelThatEndsOnAnotherThreadIsGoneFromItsFirst) {
  auto label = std::make_unique<Label>("tenant", "moving");
  std::thread([&] {
    const Label own("tenant", "own");
    label.reset();
    EXPECT_EQ(in_force(), (Told{{"tenant", "own"}}));
  }).join();
  EXPECT_EQ(in_force(), Told{});
  EXPECT_EQ(t_state.labels, nullptr);
}

TEST(LabelScope, CapturedLabelsAreInForceOnAnotherThread) {
  std::optional<Label> tenant(std::in_place, "tenant", "acme");
  const Labels captured = Labels::capture();
  tenant.reset();  // the request is over, its work is not
  std::thread([copy = captured] {
    const Label own("worker", 7);
    {
      const Labels::Scope scope(copy);
      EXPECT_EQ(in_force(), (Told{{"tenant", "acme"}}));
      const Label step("step", "parse");
      EXPECT_EQ(in_force(), (Told{{"tenant", "acme"}, {"step", "parse"}}));
    }
    EXPECT_EQ(in_force(), (Told{{"worker", "7"}}));
    const Labels::Scope nothing{Labels()};
    EXPECT_EQ(in_force(), Told{});
  }).join();
  EXPECT_EQ(in_force(), Told{});
}

TEST(LabelScope, WorkThatHandsItsLabelsOnAndOnKeepsNoMemory) {
  const auto hand_on = [](int times) {
    Labels labels;
    for (int i = 0; i < times; ++i) {
      const Labels::Scope scope(labels);
      const Label step("step", i % 3);
      const Label again("again", "yes");
      labels = Labels::capture();
    }
    const Labels::Scope scope(labels);
    EXPECT_EQ(in_force().size(), 2u);
  };
  hand_on(100);
  const std::size_t before = base::mapped_bytes();
  hand_on(20'000);
  EXPECT_EQ(base::mapped_bytes(), before);
  EXPECT_EQ(g_recorder.label_pool().refused(), 0u);
}

TEST(LabelScope, TooManyAtOnceAreIgnoredAndCounted) {
  const std::uint64_t refused = g_recorder.label_pool().refused();
  std::vector<std::unique_ptr<Label>> labels;
  for (std::uint32_t i = 0; i < LabelPool::kMaxNodes + 1000; ++i)
    labels.push_back(std::make_unique<Label>("n", i));
  EXPECT_GE(g_recorder.label_pool().refused() - refused, 1000u);
  labels.clear();
  EXPECT_EQ(in_force(), Told{});
  const Label one("n", "one");
  EXPECT_EQ(in_force(), (Told{{"n", "one"}}));
}

TEST(LabelScope, ManyThreadsLabelAtOnce) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([t] {
      for (int i = 0; i < 20'000; ++i) {
        const Label label("thread", t);
        const Labels captured = Labels::capture();
        const Labels::Scope scope(captured);
        if (i % 100 == 0) ASSERT_EQ(in_force(), (Told{{"thread", std::to_string(t)}}));
      }
    });
  }
  for (std::thread& t : threads) t.join();
}

}  // namespace
}  // namespace holdfast::record
