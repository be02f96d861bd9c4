// Signal handlers that allocate, at moments when malloc itself would bear it.
#include <signal.h>
#include <sys/time.h>

#include <atomic>
#include <csetjmp>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "hazard.h"

namespace {

using holdfast::hazards::exercise_malloc;

std::atomic<int> g_handled{0};

void handle(int signal, void (*handler)(int), int flags = 0) {
  struct sigaction action = {};
  action.sa_handler = handler;
  action.sa_flags = flags;
  EXPECT(sigaction(signal, &action, nullptr) == 0);
}

HAZARD(handlers_that_allocate) {
  handle(SIGUSR1, [](int) {
    exercise_malloc();
    ++g_handled;
  });
  for (int i = 0; i < 50; ++i) {
    EXPECT(raise(SIGUSR1) == 0);
    exercise_malloc();
  }
  EXPECT(g_handled == 50);
}

// The handler interrupts computation anywhere, but no allocation.
HAZARD(handlers_that_allocate_between_instructions) {
  handle(
      SIGALRM,
      [](int) {
        void* p = std::malloc(100 + static_cast<std::size_t>(g_handled) % 40'000);
        EXPECT(p != nullptr);
        std::free(p);
        ++g_handled;
      },
      SA_RESTART);
  const itimerval timer = {{0, 500}, {0, 500}};
  EXPECT(setitimer(ITIMER_REAL, &timer, nullptr) == 0);
  volatile unsigned x = 1;
  while (g_handled < 100) x = x * 5 + 1;
  const itimerval off = {};
  EXPECT(setitimer(ITIMER_REAL, &off, nullptr) == 0);
}

HAZARD(handlers_on_a_stack_of_their_own) {
  std::vector<char> room(16 * 1024);
  stack_t stack = {};
  stack.ss_sp = room.data();
  stack.ss_size = room.size();
  EXPECT(sigaltstack(&stack, nullptr) == 0);
  handle(
      SIGUSR2,
      [](int) {
        for (std::size_t n = 1; n < 100'000; n = n * 3 + 1) std::free(std::malloc(n));
        ++g_handled;
      },
      SA_ONSTACK);
  for (int i = 0; i < 20; ++i) EXPECT(raise(SIGUSR2) == 0);
  EXPECT(g_handled == 20);
  stack.ss_flags = SS_DISABLE;
  EXPECT(sigaltstack(&stack, nullptr) == 0);
}

sigjmp_buf g_back;

HAZARD(handlers_that_jump_out) {
  handle(
      SIGSEGV,
      [](int) {
        std::free(std::malloc(1000));
        siglongjmp(g_back, 1);
      },
      SA_NODEFER);
  volatile int caught = 0;
  for (int i = 0; i < 10; ++i) {
    if (sigsetjmp(g_back, 1) == 0) {
      volatile int* volatile nowhere = nullptr;
      *nowhere = 1;
    }
    caught = caught + 1;
    exercise_malloc();
  }
  EXPECT(caught == 10);
}

HAZARD(signals_for_the_process_reach_its_own_threads) {
  // Blocked in every thread of the program: only a thread of somebody else could take it.
  sigset_t set;
  EXPECT(sigemptyset(&set) == 0 && sigaddset(&set, SIGUSR1) == 0 && sigaddset(&set, SIGTERM) == 0);
  EXPECT(pthread_sigmask(SIG_BLOCK, &set, nullptr) == 0);
  handle(SIGUSR1, [](int) { ++g_handled; });
  EXPECT(kill(getpid(), SIGUSR1) == 0 && kill(getpid(), SIGTERM) == 0);
  exercise_malloc();
  int got = 0;
  EXPECT(sigwait(&set, &got) == 0 && sigwait(&set, &got) == 0);
  EXPECT(g_handled == 0);
}

}  // namespace
