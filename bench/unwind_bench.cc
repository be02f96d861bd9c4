// What one stack costs: Holdfast's unwinder with warm rows, with remembered stacks, and with every row
// forgotten first, beside libgcc's _Unwind_Backtrace and glibc's backtrace() on the same frames.
#include <benchmark/benchmark.h>
#include <execinfo.h>
#include <unwind.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "record/unwind.h"

namespace {

using holdfast::record::MemoTable;
using holdfast::record::StackStart;

constexpr std::uint32_t most_frames = 64;
using Measure = void (*)(benchmark::State&);

// Frames of distinct functions, every third with a frame pointer because its size is known only at run time,
// so that the rows and the branches are as mixed as a server's.
template <int Depth>
__attribute__((noinline)) void descend(benchmark::State& state, Measure measure) {
  if constexpr (Depth == 0) {
    measure(state);
  } else if constexpr (Depth % 3 == 0) {
    auto* room = static_cast<char*>(__builtin_alloca(static_cast<std::size_t>(state.range(0)) + Depth * 8));
    benchmark::DoNotOptimize(room);
    descend<Depth - 1>(state, measure);
  } else {
    std::array<char, Depth * 8> room{};
    benchmark::DoNotOptimize(room);
    descend<Depth - 1>(state, measure);
  }
  benchmark::ClobberMemory();
}

__attribute__((noinline)) std::uint32_t capture(std::uintptr_t* pcs, std::uint32_t max) {
  StackStart start;
  HOLDFAST_STACK_START(start);
  return holdfast::record::unwind_stack(start, pcs, max).depth;
}

__attribute__((noinline)) void warm_rows(benchmark::State& state) {
  std::array<std::uintptr_t, most_frames> pcs;
  std::uint32_t depth = 0;
  for (auto _ : state) depth = capture(pcs.data(), static_cast<std::uint32_t>(state.range(0)));
  state.counters["frames"] = depth;
}

__attribute__((noinline)) void forgotten_rows(benchmark::State& state) {
  std::array<std::uintptr_t, most_frames> pcs;
  std::uint32_t depth = 0;
  for (auto _ : state) {
    holdfast::record::forget_unwind_rows();
    depth = capture(pcs.data(), static_cast<std::uint32_t>(state.range(0)));
  }
  state.counters["frames"] = depth;
}

__attribute__((noinline)) std::uint32_t capture_memo(MemoTable& table, std::uintptr_t* pcs,
                                                     std::uint32_t max) {
  StackStart start;
  HOLDFAST_STACK_START(start);
  const auto result = holdfast::record::unwind_stack_memo(table, start, pcs, max);
  if (!result.hit) holdfast::record::remember(table, 7);
  return result.capture.depth;
}

__attribute__((noinline)) void remembered(benchmark::State& state) {
  const std::unique_ptr<MemoTable, void (*)(MemoTable*)> table(holdfast::record::new_memo_table(),
                                                               holdfast::record::free_memo_table);
  std::array<std::uintptr_t, most_frames> pcs;
  std::uint32_t depth = 0;
  for (auto _ : state) depth = capture_memo(*table, pcs.data(), static_cast<std::uint32_t>(state.range(0)));
  state.counters["frames"] = depth;
}

struct Frames {
  std::uint32_t depth;
  std::uint32_t max;
};

_Unwind_Reason_Code count(_Unwind_Context* context, void* argument) {
  auto& frames = *static_cast<Frames*>(argument);
  benchmark::DoNotOptimize(_Unwind_GetIP(context));
  return ++frames.depth == frames.max ? _URC_END_OF_STACK : _URC_NO_REASON;
}

__attribute__((noinline)) void libgcc(benchmark::State& state) {
  Frames frames{};
  for (auto _ : state) {
    frames = {0, static_cast<std::uint32_t>(state.range(0))};
    _Unwind_Backtrace(count, &frames);
  }
  state.counters["frames"] = frames.depth;
}

__attribute__((noinline)) void glibc(benchmark::State& state) {
  std::array<void*, most_frames> pcs;
  int depth = 0;
  for (auto _ : state) depth = backtrace(pcs.data(), static_cast<int>(state.range(0)));
  state.counters["frames"] = depth;
}

template <Measure measure>
void on_a_stack(benchmark::State& state) {
  holdfast::record::choose_unwinder();
  descend<30>(state, measure);  // deeper than what is asked for, so that each cuts at the same depth
}

BENCHMARK(on_a_stack<warm_rows>)->Name("unwind_stack, warm rows")->Arg(12)->Arg(30);
BENCHMARK(on_a_stack<remembered>)->Name("unwind_stack_memo, hit")->Arg(12)->Arg(30);
BENCHMARK(on_a_stack<forgotten_rows>)->Name("unwind_stack, rows forgotten")->Arg(12)->Arg(30);
BENCHMARK(on_a_stack<libgcc>)->Name("libgcc _Unwind_Backtrace")->Arg(12)->Arg(30);
BENCHMARK(on_a_stack<glibc>)->Name("glibc backtrace")->Arg(12)->Arg(30);

}  // namespace
