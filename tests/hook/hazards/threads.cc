// Threads: their beginning, their end, small stacks, other stacks.
#include <limits.h>
#include <pthread.h>
#include <ucontext.h>

#include <atomic>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "hazard.h"

namespace {

using holdfast::hazards::exercise_malloc;

std::atomic<int> g_ran{0};

HAZARD(thread_exit_destructors_that_allocate) {
  pthread_key_t keys[4];
  for (pthread_key_t& key : keys) {
    EXPECT(pthread_key_create(&key, [](void* p) {
             std::free(p);
             exercise_malloc();
             ++g_ran;
           }) == 0);
  }
  struct Local {
    std::string text = std::string(500, 't');
    ~Local() {
      exercise_malloc();
      ++g_ran;
    }
  };
  for (int i = 0; i < 30; ++i) {
    std::thread([&keys] {
      static thread_local Local local;
      local.text += 'x';
      for (const pthread_key_t key : keys) EXPECT(pthread_setspecific(key, std::malloc(100)) == 0);
    }).join();
  }
  EXPECT(g_ran == 30 * 5);
}

// A destructor that sets its key again is called again, up to PTHREAD_DESTRUCTOR_ITERATIONS times.
pthread_key_t g_stubborn;

HAZARD(thread_exit_destructors_that_come_back) {
  EXPECT(pthread_key_create(&g_stubborn, [](void* p) {
           std::free(p);
           ++g_ran;
           pthread_setspecific(g_stubborn, std::malloc(50));
         }) == 0);
  for (int i = 0; i < 20; ++i) {
    std::thread([] { EXPECT(pthread_setspecific(g_stubborn, std::malloc(50)) == 0); }).join();
  }
  EXPECT(g_ran >= 20);
}

HAZARD(a_thousand_threads) {
  pthread_attr_t attributes;
  EXPECT(pthread_attr_init(&attributes) == 0 && pthread_attr_setstacksize(&attributes, 128 * 1024) == 0);
  for (int i = 0; i < 1000 / 50; ++i) {
    pthread_t threads[50];
    for (pthread_t& t : threads) {
      EXPECT(pthread_create(
                 &t, &attributes,
                 [](void*) -> void* {
                   std::free(std::malloc(3000));
                   return std::malloc(10);
                 },
                 nullptr) == 0);
    }
    for (const pthread_t t : threads) {
      void* block = nullptr;
      EXPECT(pthread_join(t, &block) == 0);
      std::free(block);
    }
  }
}

HAZARD(threads_cancelled_while_they_allocate) {
  for (int i = 0; i < 50; ++i) {
    pthread_t thread;
    EXPECT(pthread_create(
               &thread, nullptr,
               [](void*) -> void* {
                 for (std::size_t n = 1;; n = n * 7 % 50'000 + 1) {
                   std::free(std::malloc(n));
                   pthread_testcancel();
                 }
               },
               nullptr) == 0);
    EXPECT(pthread_cancel(thread) == 0);
    void* result = nullptr;
    EXPECT(pthread_join(thread, &result) == 0 && result == PTHREAD_CANCELED);
  }
}

// The smallest stack that the C library allows, most of which the program uses itself.
HAZARD(the_smallest_stacks) {
  pthread_attr_t attributes;
  EXPECT(pthread_attr_init(&attributes) == 0 &&
         pthread_attr_setstacksize(&attributes, PTHREAD_STACK_MIN) == 0);
  for (int i = 0; i < 100; ++i) {
    pthread_t thread;
    EXPECT(pthread_create(
               &thread, &attributes,
               [](void*) -> void* {
                 for (std::size_t n = 1; n < 100'000; n = n * 3 + 1) std::free(std::malloc(n));
                 return nullptr;
               },
               nullptr) == 0);
    EXPECT(pthread_join(thread, nullptr) == 0);
  }
}

ucontext_t g_main_context;
ucontext_t g_coroutine_context;
int g_switches = 0;

void coroutine() {
  for (;;) {
    exercise_malloc();
    try {
      throw std::runtime_error(std::string(100, 'e'));
    } catch (const std::runtime_error& error) {
      EXPECT(std::string(error.what()).size() == 100);
    }
    ++g_switches;
    swapcontext(&g_coroutine_context, &g_main_context);
  }
}

HAZARD(stacks_of_coroutines) {
  std::vector<char> stack(32 * 1024);
  EXPECT(getcontext(&g_coroutine_context) == 0);
  g_coroutine_context.uc_stack.ss_sp = stack.data();
  g_coroutine_context.uc_stack.ss_size = stack.size();
  g_coroutine_context.uc_link = nullptr;
  makecontext(&g_coroutine_context, coroutine, 0);
  for (int i = 0; i < 20; ++i) EXPECT(swapcontext(&g_main_context, &g_coroutine_context) == 0);
  EXPECT(g_switches == 20);
}

void recurse(int depth) {
  char room[100];
  std::memset(room, depth, sizeof room);
  asm volatile("" : : "r"(room) : "memory");
  if (depth == 0) return exercise_malloc();
  recurse(depth - 1);
  asm volatile("" : : "r"(room) : "memory");
}

HAZARD(very_deep_stacks) { recurse(20'000); }

}  // namespace
