// The unwinder inside malloc: this program's malloc counts, and captures a stack in every call while armed.
#include <dlfcn.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <map>
#include <string>
#include <thread>

#include "record/unwind_support.h"

extern "C" void* __libc_malloc(std::size_t);

namespace {

thread_local bool armed, inside;
thread_local std::uint64_t calls_inside, captures, empty_captures;

__attribute__((noinline)) void capture_in_malloc() {
  using namespace holdfast::record;
  inside = true;
  std::array<std::uintptr_t, 64> pcs;
  StackStart start;
  HOLDFAST_STACK_START(start);
  const Capture capture = unwind_stack(start, pcs.data(), pcs.size());
  ++captures;
  empty_captures += capture.depth < 2;
  inside = false;
}

}  // namespace

extern "C" __attribute__((visibility("default"))) void* malloc(std::size_t bytes) {
  if (inside) {
    ++calls_inside;
  } else if (armed) {
    capture_in_malloc();
  }
  return __libc_malloc(bytes);
}

namespace holdfast::record::testing {
namespace {

void allocate_in_many_ways() {
  armed = true;
  std::map<std::string, int> table;
  for (int i = 0; i < 100; ++i) table["a key longer than a small string " + std::to_string(i)] = i;
  try {
    throw std::string(100, 'x');
  } catch (const std::string&) {
    table.clear();
  }
  if (void* handle = dlopen(HOLDFAST_UNWIND_PLUGIN_2, RTLD_NOW)) dlclose(handle);
  armed = false;
  forget_unwind_rows();
}

TEST(UnwindingInsideMalloc, AllocatesNothingItself) {
  forget_unwind_rows();
  allocate_in_many_ways();
  EXPECT_GT(captures, 200u);
  EXPECT_EQ(calls_inside, 0u);
  EXPECT_EQ(empty_captures, 0u);
}

TEST(UnwindingInsideMalloc, AllocatesNothingOnANewThread) {
  std::uint64_t inside_thread = 1, in_thread = 0;
  std::thread([&] {
    allocate_in_many_ways();
    inside_thread = calls_inside;
    in_thread = captures;
  }).join();
  EXPECT_GT(in_thread, 200u);
  EXPECT_EQ(inside_thread, 0u);
}

// How deep the unwinder reaches below its caller, on a stack painted beforehand.
TEST(UnwindingInsideMalloc, NeedsLessThanTwoKibibytesOfStack) {
  struct Work {
    std::array<std::uintptr_t, 64> pcs{};
    std::size_t used = 0;
  } work;
  constexpr std::size_t painted = 16 * 1024;
  constexpr unsigned char paint = 0xa5;
  const auto measure = [](Work & into) __attribute__((noinline)) {
    // The paint lies where the frames of unwind_stack will.
    auto* bottom = static_cast<unsigned char*>(__builtin_frame_address(0)) - painted;
    StackStart start;
    const auto run = [&] {
      HOLDFAST_STACK_START(start);
      std::uintptr_t sp = start.sp;
      for (auto* at = bottom; at < reinterpret_cast<unsigned char*>(sp) - 256; ++at) {
        *static_cast<volatile unsigned char*>(at) = paint;
      }
      unwind_stack(start, into.pcs.data(), static_cast<std::uint32_t>(into.pcs.size()));
      const auto* at = bottom;
      while (*static_cast<const volatile unsigned char*>(at) == paint) ++at;
      into.used = static_cast<std::size_t>(reinterpret_cast<const unsigned char*>(sp) - at);
    };
    forget_unwind_rows();
    run();
  };
  measure(work);
  EXPECT_LE(work.used, 2048u);
  EXPECT_GT(work.used, 300u);
}

}  // namespace
}  // namespace holdfast::record::testing
