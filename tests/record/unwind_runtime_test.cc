// Stacks that run through libc, libstdc++ and the kernel: threads, callbacks, signal handlers, fibers,
// coroutines.
#include <gtest/gtest.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <ucontext.h>

#include <algorithm>
#include <array>
#include <csetjmp>
#include <cstdlib>
#include <future>
#include <mutex>
#include <thread>
#if defined(__cpp_impl_coroutine)
#include <coroutine>
#endif

#include "record/unwind_support.h"

#if defined(__x86_64__)
// A function with a large frame ends right before one whose first instruction faults.
__asm__(R"(
.text
.type holdfast_test_before_fault, @function
holdfast_test_before_fault:
  .cfi_startproc
  subq $1000, %rsp
  .cfi_adjust_cfa_offset 1000
  ud2
  .cfi_endproc
.size holdfast_test_before_fault, .-holdfast_test_before_fault
.globl holdfast_test_faults_at_once
.type holdfast_test_faults_at_once, @function
holdfast_test_faults_at_once:
  .cfi_startproc
  movl $1, 0
  retq
  .cfi_endproc
.size holdfast_test_faults_at_once, .-holdfast_test_faults_at_once
)");
extern "C" void holdfast_test_faults_at_once();
#endif

namespace holdfast::record::testing {
namespace {

constexpr std::size_t stack_bytes = 64 * 1024;

// Memory for a stack, with a page on either side that must not be touched.
class GuardedStack {
 public:
  GuardedStack() {
    base_ = static_cast<char*>(
        mmap(nullptr, stack_bytes + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    mprotect(base_ + page, stack_bytes, PROT_READ | PROT_WRITE);
  }
  ~GuardedStack() { munmap(base_, stack_bytes + 2 * page); }
  GuardedStack(const GuardedStack&) = delete;
  GuardedStack& operator=(const GuardedStack&) = delete;
  void* data() const { return base_ + page; }

 private:
  static constexpr std::size_t page = 4096;
  char* base_;
};

StackPair seen;  // what a callback without an argument captured
void capture_seen() { seen = capture_pair(); }

TEST(UnwindingThreads, EndsWhereAStandardThreadBegins) {
  StackPair pair;
  std::thread([&pair] { pair = capture_pair(); }).join();
  EXPECT_TRUE(agree(pair));
  auto later = std::async(std::launch::async, [] { return capture_pair(); });
  EXPECT_TRUE(agree(later.get()));
}

TEST(UnwindingThreads, EndsWhereAPosixThreadWithASmallStackBegins) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  ASSERT_EQ(pthread_attr_setstacksize(&attributes, PTHREAD_STACK_MIN + 16 * 1024), 0);
  StackPair pair;
  pthread_t thread;
  ASSERT_EQ(pthread_create(
                &thread, &attributes,
                [](void* into) -> void* {
                  capture_into(into);
                  return nullptr;
                },
                &pair),
            0);
  pthread_join(thread, nullptr);
  pthread_attr_destroy(&attributes);
  EXPECT_TRUE(agree(pair));
}

TEST(UnwindingCallbacks, GoesThroughCallOnce) {
  std::once_flag once;
  std::call_once(once, capture_seen);
  EXPECT_TRUE(agree(seen));
}

TEST(UnwindingCallbacks, GoesThroughQsortAndBsearch) {
  std::array<int, 6> values{6, 1, 5, 2, 4, 3};
  const auto compare = [](const void* a, const void* b) {
    seen = capture_pair();
    return *static_cast<const int*>(a) - *static_cast<const int*>(b);
  };
  std::qsort(values.data(), values.size(), sizeof values[0], compare);
  EXPECT_TRUE(agree(seen));
  seen = {};
  const int wanted = 4;
  EXPECT_NE(std::bsearch(&wanted, values.data(), values.size(), sizeof values[0], compare), nullptr);
  EXPECT_TRUE(agree(seen));
}

void handle(int) { seen = capture_pair(); }

void install(int flags) {
  struct sigaction action {};
  action.sa_handler = handle;
  action.sa_flags = flags;
  ASSERT_EQ(sigaction(SIGUSR1, &action, nullptr), 0);
}

TEST(UnwindingSignalHandlers, GoesThroughTheSignalFrame) {
  install(0);
  seen = {};
  raise(SIGUSR1);
  EXPECT_TRUE(agree(seen));
  EXPECT_GT(seen.ours.size(), 5u);
}

TEST(UnwindingSignalHandlers, CrossesFromTheAlternateStack) {
  const GuardedStack memory;
  stack_t alternate{};
  alternate.ss_sp = memory.data();
  alternate.ss_size = stack_bytes;
  stack_t before{};
  ASSERT_EQ(sigaltstack(&alternate, &before), 0);
  install(SA_ONSTACK | SA_SIGINFO);
  seen = {};
  raise(SIGUSR1);
  EXPECT_TRUE(agree(seen));
  alternate.ss_flags = SS_DISABLE;
  ASSERT_EQ(sigaltstack(&alternate, nullptr), 0);
}

#if defined(__x86_64__)
sigjmp_buf after_fault;

__attribute__((noinline)) void fault() {
  if (sigsetjmp(after_fault, 1) == 0) holdfast_test_faults_at_once();
}

TEST(UnwindingSignalHandlers, LooksUpTheInterruptedInstructionItself) {
  // It is the first of its function: one byte before it, another function's rules would be found.
  struct sigaction action {
  }, before{};
  action.sa_handler = [](int) {
    seen = capture_pair();
    siglongjmp(after_fault, 1);
  };
  ASSERT_EQ(sigaction(SIGSEGV, &action, &before), 0);
  seen = {};
  fault();
  sigaction(SIGSEGV, &before, nullptr);
  EXPECT_TRUE(agree(seen));
  EXPECT_NE(std::find(seen.ours.begin(), seen.ours.end(),
                      reinterpret_cast<std::uintptr_t>(&holdfast_test_faults_at_once)),
            seen.ours.end());
}
#endif

ucontext_t main_context, fiber_context;

void fiber() {
  seen = capture_pair();
  swapcontext(&fiber_context, &main_context);
  seen = capture_pair();
}

__attribute__((noinline)) void enter_fiber() {
  seen = {};
  ASSERT_EQ(swapcontext(&main_context, &fiber_context), 0);
}

TEST(UnwindingFibers, EndsWhereTheFiberBegins) {
  const GuardedStack memory;
  ASSERT_EQ(getcontext(&fiber_context), 0);
  fiber_context.uc_stack.ss_sp = memory.data();
  fiber_context.uc_stack.ss_size = stack_bytes;
  fiber_context.uc_link = &main_context;
  makecontext(&fiber_context, fiber, 0);
  enter_fiber();
  EXPECT_TRUE(agree(seen));
  EXPECT_TRUE(agree(capture_pair())) << "back on the thread's own stack";
  enter_fiber();
  EXPECT_TRUE(agree(seen)) << "resumed";
}

__attribute__((noinline)) void visit_fiber(void* stack, std::size_t size) {
  getcontext(&fiber_context);
  fiber_context.uc_stack.ss_sp = stack;
  fiber_context.uc_stack.ss_size = size;
  fiber_context.uc_link = &main_context;
  makecontext(&fiber_context, fiber, 0);
  swapcontext(&main_context, &fiber_context);
}

TEST(UnwindingFibers, SurvivesStacksThatComeAndGoAtOneAddress) {
  for (int round = 0; round < 50; ++round) {
    const GuardedStack memory;
    seen = {};
    visit_fiber(memory.data(), round % 2 == 0 ? stack_bytes : stack_bytes / 2);
    ASSERT_TRUE(agree(seen));
  }
}

#if defined(__cpp_impl_coroutine)
struct Task {
  struct promise_type {
    Task get_return_object() { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
    std::suspend_always initial_suspend() noexcept { return {}; }
    std::suspend_always final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { std::terminate(); }
  };
  std::coroutine_handle<promise_type> handle;
};

Task inner(int& stacks) {
  seen = capture_pair();
  ++stacks;
  co_await std::suspend_always{};
  seen = capture_pair();
  ++stacks;
}

TEST(UnwindingCoroutines, TellsWhoResumedThem) {
  int stacks = 0;
  Task task = inner(stacks);
  while (!task.handle.done()) {
    seen = {};
    task.handle.resume();
    if (!task.handle.done()) {
      EXPECT_TRUE(agree(seen));
    }
  }
  EXPECT_TRUE(agree(seen));
  EXPECT_EQ(stacks, 2);
  task.handle.destroy();
}
#endif

}  // namespace
}  // namespace holdfast::record::testing
