// Searches this very process for the holders of blocks it allocated a moment before.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "holders/query.h"
#include "holders/recorded_new.h"
#include "record/recorder.h"

namespace holdfast::holders {
namespace {

using Buffer = std::unique_ptr<char[]>;
constexpr std::size_t kBufferBytes = 4711;  // told from all other blocks by its size

struct Found {
  ChainEnd end = ChainEnd::lost;
  RangeKind root = RangeKind::skipped;
  std::uintptr_t root_at = 0;
  std::vector<std::size_t> sizes;  // of the blocks from the root on
  std::vector<std::uint32_t> repeats;
  std::uint32_t count = 0;
  Way way = Way::helper;
};

// The chains of all recorded blocks of kBufferBytes, most frequent first.
std::vector<Found> search(const testing::Recording& recording, std::optional<Way> only = std::nullopt,
                          std::size_t memory = std::size_t{64} << 20) {
  base::RawVector<Block> blocks;
  recording.read(blocks);
  Query query;
  query.only = only;
  query.memory_limit = memory;
  for (const Block& block : blocks) {
    if (block.size == kBufferBytes) query.wanted.push_back(block);
  }
  const BlockTable table(blocks.begin(), blocks.size());
  auto findings = search_holders(record::g_recorder, table, query);
  EXPECT_TRUE(findings.ok()) << (findings.ok() ? "" : findings.error().what);
  std::vector<Found> all;
  if (!findings) return all;
  const Findings& f = **findings;
  for (std::uint32_t i = 0; i < f.answer.chains(); ++i) {
    const Chain& chain = f.answer.chain(i);
    Found found;
    found.end = chain.end;
    found.count = chain.count;
    found.way = f.way;
    for (std::uint32_t l = 0; l < chain.links; ++l) {
      const Link& link = f.answer.link(chain.first_link + l);
      found.sizes.push_back(f.graph.node(link.node).block.size);
      found.repeats.push_back(link.repeat);
    }
    if (chain.links > 0) {
      found.root_at = f.graph.edge(f.answer.link(chain.first_link).edge).at;
      if (const Range* range = range_of(f.around.ranges, found.root_at)) found.root = range->kind;
    }
    all.push_back(found);
  }
  std::ranges::sort(all, std::ranges::greater{}, &Found::count);
  return all;
}

bool lies_in(std::uintptr_t at, const auto& object) {
  return at - reinterpret_cast<std::uintptr_t>(&object) < sizeof object;
}

// The optimiser must not see through what is held.
[[gnu::noinline]] Buffer make_buffer() {
  Buffer buffer(new char[kBufferBytes]);
  std::memset(buffer.get(), 1, kBufferBytes);
  return buffer;
}

// Runs on a stack that is gone afterwards, so that no stale word on ours holds anything.
void elsewhere(const std::function<void()>& work) { std::thread(work).join(); }

std::unordered_map<std::string, std::function<std::size_t()>> router;

TEST(Holders, GlobalMapNodeClosureBufferInEachWay) {
  std::vector<Way> ways;
  for (const Way way : {Way::helper, Way::vm_readv, Way::memory_file, Way::fork}) {
    testing::Recording* recording = nullptr;
    std::vector<Found> found;
    elsewhere([&] {
      recording = new testing::Recording();
      for (int i = 0; i < 50; ++i) {
        router["/session/" + std::to_string(i)] = [b = std::shared_ptr<char[]>(make_buffer()), i] {
          return static_cast<std::size_t>(b[0]) + static_cast<std::size_t>(i);
        };
      }
    });
    base::RawVector<Block> blocks;
    Query probe;
    probe.only = way;
    recording->read(blocks);
    probe.wanted.push_back(blocks[0]);
    if (search_holders(record::g_recorder, BlockTable(blocks.begin(), blocks.size()), probe)) {
      found = search(*recording, way);
      ways.push_back(way);
      std::uint32_t right = 0;
      for (const Found& f : found) {
        EXPECT_EQ(f.way, way);
        if (f.root == RangeKind::data && lies_in(f.root_at, router) && f.sizes.back() == kBufferBytes)
          right += f.count;
      }
      EXPECT_EQ(right, 50u) << name(way);
    }
    router = {};
    delete recording;
  }
  EXPECT_GE(ways.size(), 2u);
}

std::vector<Buffer> shelf;
std::list<Buffer> chain_of_nodes;

TEST(Holders, AGlobalVectorsBufferHoldsItsElements) {
  testing::Recording* recording = nullptr;
  elsewhere([&] {
    recording = new testing::Recording();
    for (int i = 0; i < 20; ++i) shelf.push_back(make_buffer());
  });
  for (const Found& f : search(*recording)) {
    EXPECT_EQ(f.end, ChainEnd::root);
    EXPECT_TRUE(lies_in(f.root_at, shelf));
    EXPECT_THAT(f.sizes, ::testing::ElementsAre(32 * sizeof(Buffer), kBufferBytes));
  }
  std::vector<Buffer>().swap(shelf);
  delete recording;
}

// Two buffers back to back, as size classes give them out: the end of the first is the start of the second.
struct TwoVectors {
  std::uintptr_t begin_a = 0, end_a = 0, capacity_a = 0;
  std::uintptr_t begin_b = 0;
} two_vectors;

TEST(Holders, AnEndOfABufferHoldsNoNeighbour) {
  base::RawVector<Block> blocks;
  std::vector<std::uint64_t> slab(64);
  const auto start = reinterpret_cast<std::uintptr_t>(slab.data());
  blocks.push_back({start, 256, 1, true});
  blocks.push_back({start + 256, 256, 2, true});
  two_vectors = {start, start + 256, start + 256, 0};
  const BlockTable table(blocks.begin(), blocks.size());
  for (const bool is_held : {false, true}) {
    two_vectors.begin_b = is_held ? start + 256 : 0;
    Query query;
    query.wanted.push_back(blocks[1]);
    const auto found = search_holders(record::g_recorder, table, query);
    ASSERT_TRUE(found.ok());
    const Graph& graph = (*found)->graph;
    if (!is_held) continue;
    ASSERT_EQ((*found)->answer.chains(), 1u);
    const Link& link = (*found)->answer.link((*found)->answer.chain(0).first_link);
    EXPECT_EQ(graph.edge(link.edge).at, reinterpret_cast<std::uintptr_t>(&two_vectors.begin_b));
  }
}

TEST(Holders, AListIsOneHolderHoweverLong) {
  testing::Recording* recording = nullptr;
  elsewhere([&] {
    recording = new testing::Recording();
    for (int i = 0; i < 5000; ++i) chain_of_nodes.push_back(i % 100 == 50 ? make_buffer() : Buffer());
  });
  std::uint32_t right = 0;
  for (const Found& f : search(*recording)) {
    EXPECT_EQ(f.end, ChainEnd::root);
    EXPECT_TRUE(lies_in(f.root_at, chain_of_nodes));
    ASSERT_EQ(f.sizes.size(), 2u);
    right += f.count;
  }
  EXPECT_EQ(right, 50u);
  chain_of_nodes.clear();
  delete recording;
}

struct Session {
  std::function<void()> on_close;
  Buffer inbuf;
};

TEST(Holders, WhatOnlyHoldsItselfIsACycle) {
  testing::Recording* recording = nullptr;
  std::uintptr_t hidden = 0;
  elsewhere([&] {
    recording = new testing::Recording();
    auto session = std::make_shared<Session>();
    session->inbuf = make_buffer();
    session->on_close = [session] { session->inbuf.reset(); };
    hidden = ~reinterpret_cast<std::uintptr_t>(session.get());
  });
  const std::vector<Found> found = search(*recording);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].end, ChainEnd::cycle);
  EXPECT_EQ(found[0].sizes.back(), kBufferBytes);
  const auto breaker = std::move(reinterpret_cast<Session*>(~hidden)->on_close);
  delete recording;
}

TEST(Holders, WhatNobodyPointsAtIsLost) {
  testing::Recording* recording = nullptr;
  std::uintptr_t hidden = 0;
  elsewhere([&] {
    recording = new testing::Recording();
    hidden = ~reinterpret_cast<std::uintptr_t>(make_buffer().release());
  });
  const std::vector<Found> found = search(*recording);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].end, ChainEnd::lost);
  delete[] reinterpret_cast<char*>(~hidden);
  delete recording;
}

thread_local Buffer kept_by_thread;

// A thread that allocates something kept and waits.
class Waiting {
 public:
  explicit Waiting(const std::function<void(const std::function<void()>&)>& work)
      : thread_([this, work] {
          work([this] {
            state_ = 1;
            state_.notify_all();
            state_.wait(1);
          });
        }) {
    state_.wait(0);
  }
  ~Waiting() {
    state_ = 2;
    state_.notify_all();
    thread_.join();
  }

 private:
  std::atomic<int> state_{0};
  std::thread thread_;
};

TEST(Holders, AThreadLocalIsTheRoot) {
  record::g_recorder.make_thread_key();
  testing::Recording* recording = nullptr;
  {
    const Waiting thread([&](const std::function<void()>& wait) {
      const record::QuietScope known;  // has the recorder's thread-local storage touched
      recording = new testing::Recording();
      kept_by_thread = make_buffer();
      wait();
      kept_by_thread.reset();
    });
    const std::vector<Found> found = search(*recording);
    ASSERT_EQ(found.size(), 1u);
    EXPECT_EQ(found[0].end, ChainEnd::root);
    EXPECT_THAT(found[0].sizes, ::testing::ElementsAre(kBufferBytes));
  }
  delete recording;
}

TEST(Holders, ABlockedThreadsStackIsTheRoot) {
  testing::Recording* recording = nullptr;
  {
    const Waiting thread([&](const std::function<void()>& wait) {
      recording = new testing::Recording();
      volatile char* mine[2] = {make_buffer().release(), nullptr};
      wait();
      delete[] const_cast<char*>(mine[0]);
    });
    const std::vector<Found> found = search(*recording);
    ASSERT_EQ(found.size(), 1u);
    EXPECT_EQ(found[0].end, ChainEnd::root);
    EXPECT_EQ(found[0].root, RangeKind::stack);
  }
  delete recording;
}

TEST(Holders, TooLittleMemoryIsSaidAndNothingIsMadeUp) {
  testing::Recording* recording = nullptr;
  elsewhere([&] {
    recording = new testing::Recording();
    for (int i = 0; i < 3000; ++i) chain_of_nodes.push_back(i == 1500 ? make_buffer() : Buffer());
  });
  for (const Found& f : search(*recording, std::nullopt, 64 * 1024)) {
    EXPECT_THAT(f.end, ::testing::AnyOf(ChainEnd::root, ChainEnd::cut));
    if (f.end == ChainEnd::root) EXPECT_TRUE(lies_in(f.root_at, chain_of_nodes));
  }
  chain_of_nodes.clear();
  delete recording;
}

TEST(Holders, ChainsOfAMovingProgramHold) {
  testing::Recording* recording = nullptr;
  elsewhere([&] {
    recording = new testing::Recording();
    for (int i = 0; i < 100; ++i) shelf.push_back(make_buffer());
  });
  std::atomic<bool> done{false};
  std::thread churn([&] {
    while (!done) {
      std::vector<std::string> words;
      for (int i = 0; i < 1000; ++i) words.push_back(std::string(100, 'x'));
    }
  });
  for (int i = 0; i < 10; ++i) {
    std::uint32_t right = 0;
    for (const Found& f : search(*recording)) {
      if (f.end == ChainEnd::root && lies_in(f.root_at, shelf)) right += f.count;
    }
    EXPECT_EQ(right, 100u);
  }
  done = true;
  churn.join();
  std::vector<Buffer>().swap(shelf);
  delete recording;
}

}  // namespace
}  // namespace holdfast::holders
