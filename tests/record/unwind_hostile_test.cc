// What the unwinder must survive: garbage registers, corrupted frames, code without call frame information,
// refusals by the kernel. And what it must leave alone: errno and the heap.
#include <dlfcn.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <random>

#include "record/unwind_memory.h"
#include "record/unwind_support.h"

#if defined(__x86_64__)
// Calls rdi(rsi). Three frames that nobody's compiler made.
__asm__(R"(
.text
.globl holdfast_test_no_cfi
.type holdfast_test_no_cfi, @function
holdfast_test_no_cfi:
  subq $24, %rsp
  movq %rdi, %rax
  movq %rsi, %rdi
  callq *%rax
  addq $24, %rsp
  retq
.size holdfast_test_no_cfi, .-holdfast_test_no_cfi

.globl holdfast_test_framed_no_cfi
.type holdfast_test_framed_no_cfi, @function
holdfast_test_framed_no_cfi:
  pushq %rbp
  movq %rsp, %rbp
  subq $32, %rsp
  movq %rdi, %rax
  movq %rsi, %rdi
  callq *%rax
  leave
  retq
.size holdfast_test_framed_no_cfi, .-holdfast_test_framed_no_cfi

# As holdfast_test_no_cfi, with rdx in rbp meanwhile.
.globl holdfast_test_misled_no_cfi
.type holdfast_test_misled_no_cfi, @function
holdfast_test_misled_no_cfi:
  pushq %rbp
  subq $32, %rsp
  movq %rdx, %rbp
  movq %rdi, %rax
  movq %rsi, %rdi
  callq *%rax
  addq $32, %rsp
  popq %rbp
  retq
.size holdfast_test_misled_no_cfi, .-holdfast_test_misled_no_cfi

.globl holdfast_test_cfa_in_r13
.type holdfast_test_cfa_in_r13, @function
holdfast_test_cfa_in_r13:
  .cfi_startproc
  pushq %r13
  .cfi_adjust_cfa_offset 8
  .cfi_offset %r13, -16
  movq %rsp, %r13
  .cfi_def_cfa_register %r13
  subq $4096, %rsp
  andq $-256, %rsp
  movq %rdi, %rax
  movq %rsi, %rdi
  .cfi_remember_state
  callq *%rax
  movq %r13, %rsp
  .cfi_def_cfa_register %rsp
  popq %r13
  .cfi_def_cfa_offset 8
  .cfi_restore %r13
  retq
  .cfi_restore_state
  ud2
  .cfi_endproc
.size holdfast_test_cfa_in_r13, .-holdfast_test_cfa_in_r13

.globl holdfast_test_cfa_expression
.type holdfast_test_cfa_expression, @function
holdfast_test_cfa_expression:
  .cfi_startproc
  movq %rsp, %rax
  .cfi_def_cfa_register %rax
  subq $1000, %rsp
  andq $-64, %rsp
  movq %rax, 40(%rsp)
  # CFA = *(rsp + 40) + 8: breg7 40, deref, plus_uconst 8
  .cfi_escape 0x0f, 0x05, 0x77, 0x28, 0x06, 0x23, 0x08
  movq %rdi, %rax
  movq %rsi, %rdi
  callq *%rax
  movq 40(%rsp), %rsp
  .cfi_def_cfa %rsp, 8
  retq
  .cfi_endproc
.size holdfast_test_cfa_expression, .-holdfast_test_cfa_expression
)");
extern "C" void holdfast_test_no_cfi(void (*)(void*), void*);
extern "C" void holdfast_test_framed_no_cfi(void (*)(void*), void*);
extern "C" void holdfast_test_misled_no_cfi(void (*)(void*), void*, void*);
extern "C" void holdfast_test_cfa_in_r13(void (*)(void*), void*);
extern "C" void holdfast_test_cfa_expression(void (*)(void*), void*);
#endif

namespace holdfast::record::testing {
namespace {

#if defined(__x86_64__)
TEST(UnwindingAssembly, StopsTruncatedAtCodeWithoutCallFrameInformation) {
  StackPair pair;
  holdfast_test_no_cfi(capture_into, &pair);
  EXPECT_TRUE(pair.truncated);
  EXPECT_EQ(pair.ours.size(), 2u) << "the callback and the address in the bare function";
  EXPECT_EQ(pair.ours, pair.reference) << "libgcc stops there too";
}

// Known code between two pieces of unknown code.
void again_through_unknown_code(void* pair) {
  holdfast_test_framed_no_cfi(capture_into, pair);
  __asm__ volatile("" : : : "memory");
}

TEST(UnwindingAssembly, GoesByFramePointersThroughCodeThatHasThem) {
  StackPair direct, through;
  capture_into(&direct);
  holdfast_test_framed_no_cfi(again_through_unknown_code, &through);
  EXPECT_FALSE(through.truncated);
  const std::size_t between = 4;  // two unknown functions, the known one, the callback
  ASSERT_EQ(through.ours.size(), direct.ours.size() + between - 1);
  // From this test's caller on they are the same.
  EXPECT_TRUE(std::equal(direct.ours.begin() + 2, direct.ours.end(), through.ours.begin() + 2 + between - 1));
}

TEST(UnwindingAssembly, IsNotMisledByARegisterThatOnlyLooksLikeAFramePointer) {
  // What rbp points to leads to known code, but not behind a call.
  std::array<std::uintptr_t, 4> forged{};
  forged[0] = reinterpret_cast<std::uintptr_t>(&forged[2]);
  forged[1] = reinterpret_cast<std::uintptr_t>(&again_through_unknown_code) + 1;
  StackPair pair;
  holdfast_test_misled_no_cfi(capture_into, &pair, forged.data());
  EXPECT_TRUE(pair.truncated);
  EXPECT_EQ(pair.ours, pair.reference);
  // A value that may not be read.
  StackPair wild;
  holdfast_test_misled_no_cfi(capture_into, &wild, reinterpret_cast<void*>(0x7000));
  EXPECT_TRUE(wild.truncated);
  EXPECT_EQ(wild.ours, wild.reference);
}

TEST(UnwindingAssembly, FollowsAFrameTiedToAnotherRegister) {
  StackPair pair;
  holdfast_test_cfa_in_r13(capture_into, &pair);
  EXPECT_TRUE(agree(pair));
}

TEST(UnwindingAssembly, FollowsAFrameGivenByAnExpression) {
  StackPair pair;
  holdfast_test_cfa_expression(capture_into, &pair);
  EXPECT_TRUE(agree(pair));
}
#endif

TEST(UnwindingGarbage, NeverFaultsOnAnyStart) {
  std::mt19937_64 random(20240229);
  StackStart here;
  HOLDFAST_STACK_START(here);
  const std::array<std::uintptr_t, 9> known{here.pc,
                                            here.sp,
                                            here.fp,
                                            0,
                                            ~std::uintptr_t{0},
                                            reinterpret_cast<std::uintptr_t>(&dlopen),
                                            reinterpret_cast<std::uintptr_t>(&capture_pair),
                                            reinterpret_cast<std::uintptr_t>(&random),
                                            static_cast<std::uintptr_t>(0xffffffffff600000)};
  const auto any = [&]() -> std::uintptr_t {
    switch (random() % 4) {
      case 0:
        return random();
      case 1:
        return random() >> 17;  // user space
      case 2:
        return known[random() % known.size()];
      default:
        return known[random() % known.size()] + random() % 8192 - 4096;
    }
  };
  std::array<std::uintptr_t, 64> pcs;
  std::uint64_t frames = 0;
  for (int i = 0; i < 100000; ++i) {
    StackStart start = here;
    start.pc = any();
    start.sp = any();
    start.fp = any();
#if defined(__x86_64__)
    start.rbx = any();
    start.r13 = any();
#endif
    const Capture capture = unwind_stack(start, pcs.data(), pcs.size());
    ASSERT_LE(capture.depth, pcs.size());
    frames += capture.depth;
  }
  EXPECT_GT(frames, 0u) << "some garbage starts lead somewhere";
}

// Fills a stack with words that look like code and stack addresses and unwinds from it.
TEST(UnwindingGarbage, NeverFaultsOnCorruptedFrames) {
  constexpr std::size_t page = 4096, words = page / sizeof(std::uintptr_t);
  auto* memory =
      static_cast<std::uintptr_t*>(mmap(nullptr, 3 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  ASSERT_NE(memory, MAP_FAILED);
  std::uintptr_t* stack = memory + words;
  ASSERT_EQ(mprotect(stack, page, PROT_READ | PROT_WRITE), 0);
  std::mt19937_64 random(7);
  StackStart here;
  HOLDFAST_STACK_START(here);
  std::array<std::uintptr_t, 64> pcs;
  for (int round = 0; round < 2000; ++round) {
    for (std::size_t i = 0; i < words; ++i) {
      stack[i] = random() % 2 == 0 ? here.pc - 2000 + random() % 4000
                                   : reinterpret_cast<std::uintptr_t>(stack) + random() % (2 * page);
    }
    StackStart start = here;
    start.sp = reinterpret_cast<std::uintptr_t>(stack + random() % words);
    start.fp = reinterpret_cast<std::uintptr_t>(stack + random() % words);
    ASSERT_LE(unwind_stack(start, pcs.data(), pcs.size()).depth, pcs.size());
  }
  munmap(memory, 3 * page);
}

TEST(UnwindingGarbage, PreservesErrno) {
  errno = 4711;
  bool truncated = false;
  std::array<std::uintptr_t, 8> pcs;
  StackStart start{};
  start.sp = 64;
  unwind_stack(start, pcs.data(), pcs.size());
  EXPECT_FALSE(readable(64, 8));
  EXPECT_EQ(errno, 4711);
  capture_ours(64, truncated);
  EXPECT_EQ(errno, 4711);
}

TEST(AskingWhatIsReadable, KnowsTheStackTheHeapAndTheHoles) {
  constexpr std::size_t page = 4096;
  auto* memory = static_cast<char*>(mmap(nullptr, 3 * page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  ASSERT_NE(memory, MAP_FAILED);
  const auto at = [memory](std::size_t offset) { return reinterpret_cast<std::uintptr_t>(memory) + offset; };
  EXPECT_TRUE(readable(at(0), 3 * page));
  ASSERT_EQ(mprotect(memory + page, page, PROT_NONE), 0);
  EXPECT_TRUE(readable(at(0), page));
  EXPECT_FALSE(readable(at(0), page + 1));
  EXPECT_FALSE(readable(at(page - 4), 8));
  EXPECT_FALSE(readable(at(page), 1));
  EXPECT_TRUE(readable(at(2 * page), page));
  ASSERT_EQ(munmap(memory, 3 * page), 0);
  EXPECT_FALSE(readable(at(0), 1)) << "what was readable is asked for again";
  const int local = 0;
  EXPECT_TRUE(readable(reinterpret_cast<std::uintptr_t>(&local), sizeof local));
  EXPECT_FALSE(readable(0, 1));
  EXPECT_FALSE(readable(~std::uintptr_t{0} - 4, 8));
  EXPECT_FALSE(readable(~std::uintptr_t{0} - 4, 2));
  EXPECT_TRUE(readable(0, 0));
}

// Makes every later rt_sigprocmask of this process fail with `error`.
bool refuse_probes(unsigned error) {
  std::array<sock_filter, 4> program{{
      {BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(seccomp_data, nr)},
      {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, SYS_rt_sigprocmask},
      {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | error},
      {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW},
  }};
  sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

class UnwindingInASandbox : public ::testing::TestWithParam<int> {};

// In a child: 0 all well, 1 no sandbox to be had, else what went wrong.
int capture_in_sandbox(int error) {
  if (!refuse_probes(static_cast<unsigned>(error))) return 1;
  int verdict = 2;
  // A new thread knows no part of its stack yet, and nobody will tell it.
  std::uint32_t depth = 0;
  const auto body = [](void* into) -> void* {
    bool truncated = false;
    *static_cast<std::uint32_t*>(into) = static_cast<std::uint32_t>(capture_ours(64, truncated).size());
    return readable(64, 1) ? into : nullptr;
  };
  pthread_t thread;
  void* wrong = nullptr;
  if (pthread_create(&thread, nullptr, body, &depth) == 0 && pthread_join(thread, &wrong) == 0) {
    verdict = wrong != nullptr ? 3 : depth == 0 ? 4 : 0;
  }
  return verdict;
}

TEST_P(UnwindingInASandbox, FollowsWhatIsKnownWhenTheKernelRefusesToTell) {
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) _exit(capture_in_sandbox(GetParam()));
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status)) << "killed by signal " << WTERMSIG(status);
  if (WEXITSTATUS(status) == 1) GTEST_SKIP() << "seccomp is not available here";
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

INSTANTIATE_TEST_SUITE_P(Refusals, UnwindingInASandbox, ::testing::Values(EPERM, ENOSYS));

}  // namespace
}  // namespace holdfast::record::testing
