// Remembered stacks: the same id for the same stack, a miss for anything else.
#include <alloca.h>
#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <map>
#include <memory>
#include <thread>
#include <vector>

#include "record/unwind_support.h"

namespace holdfast::record::testing {
namespace {

constexpr std::uint32_t most = 64;

struct Table {
  std::unique_ptr<MemoTable, void (*)(MemoTable*)> memory{new_memo_table(), free_memo_table};
  std::array<std::uintptr_t, most> pcs{};
  std::uint32_t max = most;
  MemoResult last;
};

// After a call: keeps it from becoming a jump or a loop.
inline void stay_on_stack() { __asm__ volatile("" : : : "memory"); }

// A count the compiler cannot see, so that a loop stays one call site.
int times(int count) {
  __asm__ volatile("" : "+r"(count));
  return count;
}

// Captures and, on a miss, attaches `id`.
__attribute__((noinline)) void ask(Table& table, std::uint32_t id) {
  StackStart start;
  HOLDFAST_STACK_START(start);
  table.last = unwind_stack_memo(*table.memory, start, table.pcs.data(), table.max);
  if (!table.last.hit) remember(*table.memory, id);
}

__attribute__((noinline)) int caller_a(Table& table, std::uint32_t id) {
  ask(table, id);
  stay_on_stack();
  return 1 + static_cast<int>(table.last.id);
}
__attribute__((noinline)) int caller_b(Table& table, std::uint32_t id) {
  ask(table, id);
  stay_on_stack();
  return 2 + static_cast<int>(table.last.id);
}

TEST(RememberedStacks, AnswerTheirIdWhenMetAgain) {
  Table table;
  for (std::uint32_t round = 0; round < static_cast<std::uint32_t>(times(5)); ++round) {
    caller_a(table, 100 + round);
    EXPECT_EQ(table.last.hit, round != 0);
    EXPECT_EQ(table.last.id, round == 0 ? 0u : 100u);
    EXPECT_FALSE(table.last.capture.truncated);
    EXPECT_GT(table.last.capture.depth, 3u);
  }
}

TEST(RememberedStacks, MissWhenAReturnAddressChanged) {
  Table table;
  // Both are called from one frame at one depth, so (pc, sp) in ask() is the same for both.
  for (std::uint32_t round = 0; round < 3; ++round) {
    caller_a(table, 7);
    EXPECT_TRUE(round == 0 || !table.last.hit || table.last.id == 7u);
    const auto depth = table.last.capture.depth;
    caller_b(table, 8);
    EXPECT_TRUE(!table.last.hit || table.last.id == 8u);
    EXPECT_EQ(table.last.capture.depth, depth);
  }
}

TEST(RememberedStacks, CarryTheWholeCaptureWhenMissed) {
  Table table;
  bool truncated = true;
  caller_a(table, 3);
  EXPECT_FALSE(table.last.hit);
  const auto plain = capture_ours(most, truncated);
  ASSERT_FALSE(truncated);
  // The frames above this test are the same.
  ASSERT_EQ(table.last.capture.depth, plain.size() + 1);
  EXPECT_TRUE(std::equal(plain.begin() + 1, plain.end(), table.pcs.begin() + 2));
}

__attribute__((noinline)) int deep(Table& table, std::uint32_t id, int depth) {
  if (depth == 0) return caller_a(table, id);
  const int result = deep(table, id, depth - 1) + 1;
  stay_on_stack();
  return result;
}

TEST(RememberedStacks, KeepThatTheyWereCutAndForWhichLimit) {
  Table table;
  table.max = 10;
  int rounds = 0;
  for (const std::uint32_t max : {10u, 10u, 20u, 20u}) {
    table.max = max;
    deep(table, max, 40);
    EXPECT_EQ(table.last.capture.depth, max);
    EXPECT_TRUE(table.last.capture.truncated);
    EXPECT_EQ(table.last.hit, rounds % 2 == 1);
    if (table.last.hit) {
      EXPECT_EQ(table.last.id, max);
    }
    ++rounds;
  }
}

// A frame whose size is known only at run time, left full of whatever was there before.
__attribute__((noinline)) int sized(Table& table, std::uint32_t id, std::size_t bytes) {
  void* room = alloca(bytes);
  __asm__ volatile("" : : "r"(room) : "memory");
  const int result = caller_a(table, id);
  __asm__ volatile("" : : "r"(room) : "memory");
  return result;
}
using Sized = int (*)(Table&, std::uint32_t, std::size_t);
__attribute__((noinline)) int from_here(Sized run, Table& table, std::uint32_t id, std::size_t bytes) {
  return run(table, id, bytes) + 1;
}
__attribute__((noinline)) int from_there(Sized run, Table& table, std::uint32_t id, std::size_t bytes) {
  std::array<char, 128> lower{};
  __asm__ volatile("" : : "r"(lower.data()) : "memory");
  const int result = run(table, id, bytes) + 2;
  __asm__ volatile("" : : "r"(lower.data()) : "memory");
  return result;
}

TEST(RememberedStacks, AreNotFooledByOldReturnAddressesInsideALargerFrame) {
  // from_here's smaller frame plus a larger alloca puts the leaf at the stack pointer that from_there gave
  // it, with the old words still lying in between: all such pairs of sizes must be told apart.
  Table table;
  int hits = 0;
  for (std::size_t bytes = 16; bytes < 1024; bytes += 16) {
    from_there(sized, table, 1, bytes);
    if (table.last.hit) {
      EXPECT_EQ(table.last.id, 1u);
    }
    from_here(sized, table, 2, bytes + 128);
    if (table.last.hit) {
      EXPECT_EQ(table.last.id, 2u);
    }
    for (int again = 0; again < times(2); ++again) {
      from_here(sized, table, 2, bytes + 144);
      hits += table.last.hit;
      if (table.last.hit) {
        EXPECT_EQ(table.last.id, 2u);
      }
    }
  }
  EXPECT_GT(hits, 0);
}

TEST(RememberedStacks, AreForgottenWithTheRows) {
  Table table;
  for (int round = 0; round < times(2); ++round) {
    caller_a(table, 5);
    if (round == 0) forget_unwind_rows();
    EXPECT_FALSE(table.last.hit);
  }
}

TEST(RememberedStacks, StayRightWhenManyMoreAreMetThanFit) {
  Table table;
  std::uint32_t hits = 0;
  for (int round = 0; round < 3; ++round) {
    for (int depth = 0; depth < 400; ++depth) {
      const auto id = static_cast<std::uint32_t>(depth + 1);
      deep(table, id, depth % 50 == 7 ? 7 : depth);
      if (!table.last.hit) continue;
      ++hits;
      EXPECT_EQ(table.last.id % 50, depth % 50 == 7 ? 8u : id % 50);
    }
  }
  EXPECT_GT(hits, 0u);
}

TEST(RememberedStacks, BelongToTheirThread) {
  Table table;
  std::thread([&table] {
    for (int round = 0; round < times(2); ++round) {
      caller_a(table, 9);
      EXPECT_EQ(table.last.hit, round == 1);
    }
  }).join();
}

// A walk through a tree of calls in which every kind of frame lies over every other, so that each capture
// shares some frames with the one before, and by chance the same stack pointers with other ones.
struct Wanderer {
  Table table;
  std::uint64_t random = 1;
  std::map<std::vector<std::uintptr_t>, std::uint32_t> ids;  // of the whole stack
  std::uint32_t captures = 0, hits = 0;

  std::uint64_t draw(std::uint64_t limit) {
    random = random * 6364136223846793005u + 1442695040888963407u;
    return (random >> 33) % limit;
  }
};

__attribute__((noinline)) void look(Wanderer& w) {
  std::array<std::uintptr_t, most> plain{};
  StackStart start;
  HOLDFAST_STACK_START(start);
  const MemoResult memo = unwind_stack_memo(*w.table.memory, start, w.table.pcs.data(), most);
  const Capture capture = unwind_stack(start, plain.data(), most);
  ASSERT_EQ(memo.capture.depth, capture.depth);
  ASSERT_EQ(memo.capture.truncated, capture.truncated);
  const std::vector<std::uintptr_t> stack(plain.begin(), plain.begin() + capture.depth);
  const auto [known, fresh] = w.ids.emplace(stack, static_cast<std::uint32_t>(w.ids.size() + 1));
  if (memo.hit) {
    ASSERT_EQ(memo.id, known->second);
    ++w.hits;
  } else {
    ASSERT_TRUE(std::equal(stack.begin(), stack.end(), w.table.pcs.begin()));
    remember(*w.table.memory, known->second);
  }
  ++w.captures;
}

void wander(Wanderer& w, int depth);

__attribute__((noinline)) void plain_step(Wanderer& w, int depth) {
  wander(w, depth);
  stay_on_stack();
}
__attribute__((noinline)) void wide_step(Wanderer& w, int depth) {
  std::array<char, 80> room{};
  __asm__ volatile("" : : "r"(room.data()) : "memory");
  wander(w, depth);
  __asm__ volatile("" : : "r"(room.data()) : "memory");
}
__attribute__((noinline)) void moving_step(Wanderer& w, int depth) {
  void* room = alloca(16 + w.draw(4) * 16);
  __asm__ volatile("" : : "r"(room) : "memory");
  wander(w, depth);
  __asm__ volatile("" : : "r"(room) : "memory");
}
__attribute__((noinline)) void realigned_step(Wanderer& w, int depth) {
  alignas(64) std::array<char, 64> room{};
  __asm__ volatile("" : : "r"(room.data()) : "memory");
  wander(w, depth);
  __asm__ volatile("" : : "r"(room.data()) : "memory");
}
// Uses the frame pointer's register for a value that changes while the frame stays.
__attribute__((noinline)) void busy_step(Wanderer& w, int depth) {
  std::uint64_t a = w.random, b = a * 3, c = a * 5, d = a * 7, e = a * 11, f = a * 13;
  for (int i = 0; i < times(2); ++i) {
    wander(w, depth);
    a += b, b ^= c, c += d, d ^= e, e += f, f ^= a;
  }
  __asm__ volatile("" : : "r"(a), "r"(b), "r"(c), "r"(d), "r"(e), "r"(f));
}

__attribute__((noinline)) void wander(Wanderer& w, int depth) {
  for (std::uint64_t children = 1 + w.draw(3); children != 0; --children) {
    look(w);
    if (::testing::Test::HasFatalFailure() || depth == 0 || w.captures > 60'000) return;
    switch (w.draw(5)) {
      case 0:
        plain_step(w, depth - 1);
        break;
      case 1:
        wide_step(w, depth - 1);
        break;
      case 2:
        moving_step(w, depth - 1);
        break;
      case 3:
        realigned_step(w, depth - 1);
        break;
      default:
        busy_step(w, depth - 1);
        break;
    }
  }
  stay_on_stack();
}

TEST(RememberedStacks, AreThoseOfAPlainUnwindHoweverTheCallsGo) {
  Wanderer w;
  for (int round = 0; round < 2000 && w.captures < 60'000 && !HasFatalFailure(); ++round) wander(w, 12);
  EXPECT_GT(w.captures, 50'000u);
  EXPECT_GT(w.hits, w.captures / 20);
  EXPECT_LT(w.hits, w.captures);
}

}  // namespace
}  // namespace holdfast::record::testing
