// Holdfast in GoogleTest: what each test leaves behind in the heap, and a real gate for code that runs again and again.
// Header-only; link holdfast::holdfast and GoogleTest.
//
//     int main(int argc, char** argv) {
//       testing::InitGoogleTest(&argc, argv);
//       auto heap = holdfast::Session::open({.exact = true});
//       holdfast::append_heap_listener();                          // numbers in the XML report
//       return RUN_ALL_TESTS();
//     }
//
//     TEST(Router, ForgetsClosedSessions) {
//       Router router;
//       HOLDFAST_EXPECT_NO_GROWTH(200, router.open_and_close());   // rounds of 200 calls
//     }
//
// For the thread that runs the tests; the allocations of all threads are counted.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include <holdfast/totals.h>

namespace holdfast {

struct HeapListenerOptions {
  // Fail a test that leaves more than the budget. Off by default: many tests fill something that lives on, a static or a
  // table built at first use.
  bool fail = false;
  std::int64_t budget_bytes = 0;
};

// Records as properties of each test what it allocated (heap_allocations, heap_allocated_bytes) and what it left behind
// (heap_growth_bytes, heap_growth_blocks). With `fail`, raises in OnTestEnd: append it, so that it hears of a test's end
// before the printer does.
class HeapListener : public testing::EmptyTestEventListener {
 public:
  explicit HeapListener(HeapListenerOptions options = {}) : options_(options) {}

  void OnTestStart(const testing::TestInfo&) override { before_ = heap_totals(); }

  void OnTestEnd(const testing::TestInfo& info) override {
    const HeapTotals after = heap_totals();
    if (!before_.is_exact || !after.is_exact) return;
    const std::int64_t bytes = after.live_bytes - before_.live_bytes;
    const std::int64_t blocks = after.live_blocks - before_.live_blocks;
    record("heap_allocations", after.allocations - before_.allocations);
    record("heap_allocated_bytes", after.allocated_bytes - before_.allocated_bytes);
    record("heap_growth_bytes", bytes);
    record("heap_growth_blocks", blocks);
    if (options_.fail && bytes > options_.budget_bytes) {
      ADD_FAILURE() << info.test_suite_name() << "." << info.name() << " left " << bytes << " bytes in " << blocks
                    << " blocks behind; its budget is " << options_.budget_bytes;
    }
  }

 private:
  static void record(const char* key, std::int64_t value) { testing::Test::RecordProperty(key, std::to_string(value)); }

  HeapListenerOptions options_;
  HeapTotals before_;
};

// Appends a HeapListener to those of the test program, which owns it.
inline void append_heap_listener(HeapListenerOptions options = {}) {
  testing::UnitTest::GetInstance()->listeners().Append(new HeapListener(options));
}

// What rounds of the same calls left behind. The rule of `holdfast ci` (docs/ci.md), on the whole heap instead of site by
// site: two rounds to warm up, nine to measure, and nine more to confirm what was found.
class HeapRounds {
 public:
  // Runs `call` in rounds of `calls` each. Grows only when each half of the measured rounds and of the confirming ones
  // leaves five blocks or more, and more than `budget_bytes` per call, the younger half at least a third of the older.
  static testing::AssertionResult grow_not(std::size_t calls, double budget_bytes, const std::function<void()>& call) {
    if (!heap_totals().is_exact) {
      return testing::AssertionFailure()
             << "the heap is not counted exactly: open a holdfast::Session with .exact = true before the tests";
    }
    HeapRounds rounds(calls, call);
    rounds.send(2);
    const Growth measured = rounds.measure(budget_bytes);
    if (!measured.is_leak) return testing::AssertionSuccess();
    const Growth confirmed = rounds.measure(budget_bytes);
    if (!confirmed.is_leak) return testing::AssertionSuccess();
    return testing::AssertionFailure() << "each call leaves " << confirmed.bytes_per_call << " bytes in "
                                       << confirmed.blocks_per_call << " blocks behind; the budget is "
                                       << budget_bytes << " bytes";
  }

 private:
  struct Growth {
    bool is_leak = false;
    double bytes_per_call = 0, blocks_per_call = 0;
  };

  HeapRounds(std::size_t calls, const std::function<void()>& call) : calls_(calls), call_(call) {}

  void send(int rounds) {
    for (int i = 0; i < rounds; ++i) {
      for (std::size_t n = 0; n < calls_; ++n) call_();
    }
  }

  // A round whose leavings stand on both sides, then two halves of four rounds.
  Growth measure(double budget_bytes) {
    std::array<HeapTotals, 3> at;
    send(1);
    at[0] = heap_totals();
    send(4);
    at[1] = heap_totals();
    send(4);
    at[2] = heap_totals();
    const double calls = 4.0 * static_cast<double>(calls_);
    const auto bytes = [&](std::size_t half) { return static_cast<double>(at[half + 1].live_bytes - at[half].live_bytes); };
    const auto blocks = [&](std::size_t half) { return static_cast<double>(at[half + 1].live_blocks - at[half].live_blocks); };
    const bool is_leak = blocks(0) >= 5 && blocks(1) >= 5 && bytes(0) > budget_bytes * calls &&
                         bytes(1) > budget_bytes * calls && 3 * blocks(1) >= blocks(0);
    return {is_leak, (bytes(0) + bytes(1)) / (2 * calls), (blocks(0) + blocks(1)) / (2 * calls)};
  }

  std::size_t calls_;
  const std::function<void()>& call_;
};

}  // namespace holdfast

// Fails when `statement`, run in rounds of `calls` calls, leaves memory behind round after round. A few blocks in all, or
// four bytes per call, are nobody's leak.
#define HOLDFAST_EXPECT_NO_GROWTH(calls, statement) \
  EXPECT_TRUE(::holdfast::HeapRounds::grow_not((calls), 4, [&] { statement; }))

// The same with a budget in bytes per call.
#define HOLDFAST_EXPECT_GROWTH_WITHIN(calls, budget_bytes, statement) \
  EXPECT_TRUE(::holdfast::HeapRounds::grow_not((calls), (budget_bytes), [&] { statement; }))
