#include "holders/helper.h"

#include <linux/futex.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>

#include <cstring>

#include "holders/syscalls.h"

#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define HOLDFAST_HELPER 1
#endif
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#undef HOLDFAST_HELPER
#endif
#endif

namespace holdfast::holders {

#ifdef HOLDFAST_HELPER

namespace {

constexpr std::size_t kStackBytes = 512 * 1024;
constexpr std::size_t kGuardBytes = 4096;
constexpr std::size_t kSignalSetBytes = 8;  // the kernel's sigset_t
constexpr int kNice = 10;

// The kernel's struct sigaction.
struct KernelSigaction {
  void (*handler)(int, siginfo_t*, void*);
  unsigned long flags;
  void (*restorer)();
  std::uint64_t mask;
};
constexpr unsigned long kHasRestorer = 0x04000000;

struct Shared {
  void (*work)(void*);
  void* argument;
  long parent;  // process id of the program
  std::atomic<int> finished;
  int parent_tid;
  alignas(4)
      std::atomic<std::uint32_t> alive;  // the helper's id; the kernel clears it and wakes us when it is gone
};

}  // namespace

// clone() that calls fn(argument) on the new stack and then exits. The function never returns in the child.
extern "C" long holdfast_holders_clone(unsigned long flags, void* stack_top, int* parent_tid, void* child_tid,
                                       void (*fn)(void*), void* argument);
// rep movsb between two labels: at a fault rcx tells how many bytes are left, and the handler steps over it.
extern "C" std::size_t holdfast_holders_copy(void* to, const void* from, std::size_t n);
extern "C" const char holdfast_holders_copy_begin[];
extern "C" const char holdfast_holders_copy_end[];
extern "C" void holdfast_holders_restore();

__asm__(
    ".text\n"
    ".hidden holdfast_holders_clone\n.globl holdfast_holders_clone\n.type holdfast_holders_clone,@function\n"
    "holdfast_holders_clone:\n"
    "  mov %rcx, %r10\n"
    "  sub $16, %rsi\n"
    "  mov %r8, (%rsi)\n"
    "  mov %r9, 8(%rsi)\n"
    "  xor %r8d, %r8d\n"
    "  mov $56, %eax\n"
    "  syscall\n"
    "  test %rax, %rax\n"
    "  jnz 1f\n"
    "  xor %ebp, %ebp\n"
    "  pop %rax\n"
    "  pop %rdi\n"
    "  call *%rax\n"
    "  xor %edi, %edi\n"
    "  mov $60, %eax\n"
    "  syscall\n"
    "  hlt\n"
    "1: ret\n"
    ".size holdfast_holders_clone,.-holdfast_holders_clone\n"
    ".hidden holdfast_holders_copy\n.globl holdfast_holders_copy\n.type holdfast_holders_copy,@function\n"
    ".hidden holdfast_holders_copy_begin\n.globl holdfast_holders_copy_begin\n"
    ".hidden holdfast_holders_copy_end\n.globl holdfast_holders_copy_end\n"
    "holdfast_holders_copy:\n"
    "  mov %rdx, %rcx\n"
    "  mov %rdx, %rax\n"
    "holdfast_holders_copy_begin:\n"
    "  rep movsb\n"
    "holdfast_holders_copy_end:\n"
    "  sub %rcx, %rax\n"
    "  ret\n"
    ".size holdfast_holders_copy,.-holdfast_holders_copy\n"
    ".hidden holdfast_holders_restore\n.globl holdfast_holders_restore\n.type "
    "holdfast_holders_restore,@function\n"
    "holdfast_holders_restore:\n"
    "  mov $15, %eax\n"
    "  syscall\n"
    ".size holdfast_holders_restore,.-holdfast_holders_restore\n");

namespace {

// In the helper only. A fault anywhere but in the copy ends the helper without a core dump: one that shares
// the program's memory would take the program with it.
void on_fault(int, siginfo_t*, void* context) {
  auto* const machine = static_cast<ucontext_t*>(context);
  auto& pc = machine->uc_mcontext.gregs[REG_RIP];
  const auto begin = reinterpret_cast<greg_t>(holdfast_holders_copy_begin);
  const auto end = reinterpret_cast<greg_t>(holdfast_holders_copy_end);
  if (pc >= begin && pc < end) {
    pc = end;
    return;
  }
  raw_syscall(SYS_exit_group, 1);
}

bool prepare_helper(const Shared& shared) noexcept {
  constexpr int faults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGABRT, SIGSYS};
  std::uint64_t unblocked = 0;
  for (const int signal : faults) {
    KernelSigaction action{on_fault, SA_SIGINFO | kHasRestorer, holdfast_holders_restore, ~std::uint64_t{0}};
    if (raw_syscall(SYS_rt_sigaction, signal, as_long(&action), 0, kSignalSetBytes) != 0) return false;
    unblocked |= std::uint64_t{1} << (signal - 1);
  }
  if (raw_syscall(SYS_rt_sigprocmask, SIG_UNBLOCK, as_long(&unblocked), 0, kSignalSetBytes) != 0)
    return false;
  raw_syscall(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL);
  raw_syscall(SYS_prctl, PR_SET_NAME, as_long("holdfast-search"));
  const rlimit none{0, 0};
  raw_syscall(SYS_prlimit64, 0, RLIMIT_CORE, as_long(&none), 0);
  raw_syscall(SYS_setpriority, PRIO_PROCESS, 0, kNice);
  return raw_syscall(SYS_getppid) == shared.parent;
}

void helper_main(void* argument) {
  auto& shared = *static_cast<Shared*>(argument);
  if (!prepare_helper(shared)) return;
  shared.work(shared.argument);
  shared.finished.store(1, std::memory_order_release);
}

std::int64_t monotonic_ms() noexcept {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000;
}

// True when the helper is gone.
bool wait_until(std::atomic<std::uint32_t>& alive, std::int64_t deadline_ms) noexcept {
  for (;;) {
    const std::uint32_t id = alive.load(std::memory_order_acquire);
    if (id == 0) return true;
    const std::int64_t left = deadline_ms - monotonic_ms();
    if (left <= 0) return false;
    const timespec timeout{left / 1000, (left % 1000) * 1'000'000};
    // Not FUTEX_PRIVATE: the kernel's own wake is not.
    raw_syscall(SYS_futex, as_long(&alive), FUTEX_WAIT, id, as_long(&timeout));
  }
}

// A forked child has its own copy of `alive`: its end is waited for by asking for its status.
bool poll_until(long id, std::int64_t deadline_ms) noexcept {
  for (;;) {
    const long gone = raw_syscall(SYS_wait4, id, 0, __WALL | WNOHANG, 0);
    if (gone == id || gone == -ECHILD) return true;
    if (monotonic_ms() >= deadline_ms) return false;
    const timespec step{0, 2'000'000};
    raw_syscall(SYS_nanosleep, as_long(&step), 0);
  }
}

}  // namespace

HelperEnd run_in_helper(void (*work)(void*), void* argument, std::atomic<bool>& stop, std::int64_t limit_ms,
                        HelperMemory memory) noexcept {
  const bool is_shared = memory == HelperMemory::shared;
  const std::size_t bytes = kGuardBytes + kStackBytes;
  const int kind = is_shared ? MAP_PRIVATE : MAP_SHARED;
  const long mapped = raw_syscall(SYS_mmap, 0, static_cast<long>(bytes), PROT_READ | PROT_WRITE,
                                  kind | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapped < 0) return HelperEnd::cannot_start;
  raw_syscall(SYS_mprotect, mapped, static_cast<long>(kGuardBytes), PROT_NONE);
  // The shared words lie at the top of the stack, above its first frame.
  char* const top = reinterpret_cast<char*>(mapped) + bytes - 256;
  static_assert(sizeof(Shared) <= 256);
  auto* const shared = new (top) Shared{work, argument, raw_syscall(SYS_getpid), {0}, 0, {1}};

  std::uint64_t all = ~std::uint64_t{0};
  std::uint64_t before = 0;
  raw_syscall(SYS_rt_sigprocmask, SIG_SETMASK, as_long(&all), as_long(&before), kSignalSetBytes);
  const unsigned long flags =
      is_shared ? CLONE_VM | CLONE_FILES | CLONE_FS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID
                : CLONE_PARENT_SETTID;
  const long id =
      holdfast_holders_clone(flags, top, &shared->parent_tid, &shared->alive, helper_main, shared);
  raw_syscall(SYS_rt_sigprocmask, SIG_SETMASK, as_long(&before), 0, kSignalSetBytes);
  if (id < 0) {
    raw_syscall(SYS_munmap, mapped, static_cast<long>(bytes));
    return HelperEnd::cannot_start;
  }

  const std::int64_t deadline = monotonic_ms() + limit_ms;
  const auto wait = [&](std::int64_t until) {
    return is_shared ? wait_until(shared->alive, until) : poll_until(id, until);
  };
  HelperEnd end = HelperEnd::done;
  if (!wait(deadline)) {
    stop.store(true, std::memory_order_release);
    if (!wait(deadline + 2000)) {
      raw_syscall(SYS_kill, id, SIGKILL);
      end = HelperEnd::timed_out;
      wait(deadline + 3'600'000);  // a killed process ends as soon as the kernel lets go of it
    }
  }
  if (is_shared) raw_syscall(SYS_wait4, id, 0, __WALL, 0);
  if (end == HelperEnd::done && shared->finished.load(std::memory_order_acquire) == 0) end = HelperEnd::died;
  raw_syscall(SYS_munmap, mapped, static_cast<long>(bytes));
  return end;
}

std::size_t safe_copy(void* to, std::uintptr_t from, std::size_t n) noexcept {
  return holdfast_holders_copy(to, reinterpret_cast<const void*>(from), n);
}

#else

HelperEnd run_in_helper(void (*)(void*), void*, std::atomic<bool>&, std::int64_t, HelperMemory) noexcept {
  return HelperEnd::cannot_start;
}

std::size_t safe_copy(void*, std::uintptr_t, std::size_t) noexcept { return 0; }

#endif

}  // namespace holdfast::holders
