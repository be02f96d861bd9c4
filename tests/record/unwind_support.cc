#include "record/unwind_support.h"

#include <unwind.h>

#include <array>

namespace holdfast::record::testing {
namespace {

constexpr std::uint32_t most = 1000;
using Pcs = std::array<std::uintptr_t, most>;
// Not on the stack: some tests have little of it.
thread_local Pcs our_pcs, reference_pcs;

struct Collector {
  std::uint32_t depth = 0;
  bool skipped_self = false;
};

_Unwind_Reason_Code collect(_Unwind_Context* context, void* argument) {
  auto& collector = *static_cast<Collector*>(argument);
  const std::uintptr_t pc = _Unwind_GetIP(context);
  if (!collector.skipped_self) {
    collector.skipped_self = true;
  } else if (pc != 0 && collector.depth < most) {
    reference_pcs[collector.depth++] = pc;
  }
  return _URC_NO_REASON;
}

class ChooseFirst : public ::testing::Environment {
  void SetUp() override { choose_unwinder(); }
};
[[maybe_unused]] const auto* const choose_first = ::testing::AddGlobalTestEnvironment(new ChooseFirst);

}  // namespace

__attribute__((noinline)) StackPair capture_pair() {
  Collector collector;
  _Unwind_Backtrace(collect, &collector);
  StackStart start;
  HOLDFAST_STACK_START(start);
  const Capture capture = unwind_stack(start, our_pcs.data(), most);
  return {{our_pcs.begin(), our_pcs.begin() + capture.depth},
          {reference_pcs.begin(), reference_pcs.begin() + collector.depth},
          capture.truncated};
}

__attribute__((noinline)) void capture_into(void* pair) { *static_cast<StackPair*>(pair) = capture_pair(); }

__attribute__((noinline)) std::vector<std::uintptr_t> capture_ours(std::uint32_t max, bool& truncated) {
  std::vector<std::uintptr_t> pcs(max + 1, 0);
  StackStart start;
  HOLDFAST_STACK_START(start);
  const Capture capture = unwind_stack(start, pcs.data(), max);
  truncated = capture.truncated;
  EXPECT_EQ(pcs[max], 0u) << "wrote beyond its room";
  pcs.resize(capture.depth);
  return pcs;
}

::testing::AssertionResult agree(const StackPair& pair) {
  if (pair.reference.empty()) return ::testing::AssertionFailure() << "nothing was captured";
  if (pair.truncated) {
    return ::testing::AssertionFailure()
           << "truncated after " << pair.ours.size() << " of " << pair.reference.size();
  }
  if (pair.ours == pair.reference) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << "ours: " << ::testing::PrintToString(pair.ours)
                                       << "\nlibgcc: " << ::testing::PrintToString(pair.reference);
}

}  // namespace holdfast::record::testing
