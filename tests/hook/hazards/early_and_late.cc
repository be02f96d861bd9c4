// Allocations before main, inside the loader, and after main.
#include <dlfcn.h>
#include <malloc.h>

#include <cstdint>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "hazard.h"

namespace {

// Before any constructor, the C++ library's own included: the program's first allocation is an aligned one.
void* g_first = nullptr;
void* g_second = nullptr;
void at_the_very_start() {
  g_first = memalign(4096, 100);
  g_second = std::malloc(100);
}
[[gnu::section(".preinit_array"), gnu::used]] void (*g_at_the_very_start)() = at_the_very_start;

void* g_from_constructor = nullptr;
[[gnu::constructor(101)]] void first_constructor() { g_from_constructor = std::calloc(3, 1000); }

HAZARD(memory_from_before_main) {
  EXPECT(g_first != nullptr && reinterpret_cast<std::uintptr_t>(g_first) % 4096 == 0);
  EXPECT(g_second != nullptr && g_from_constructor != nullptr);
  std::free(g_first);
  g_second = std::realloc(g_second, 50'000);
  EXPECT(g_second != nullptr);
  std::free(g_second);
  std::free(g_from_constructor);
}

HAZARD(allocations_inside_the_loader) {
  for (int i = 0; i < 50; ++i) {
    EXPECT(dlopen("no-such-library-anywhere.so", RTLD_NOW) == nullptr);
    EXPECT(std::string(dlerror()).find("no-such-library") != std::string::npos);
    EXPECT(dlsym(RTLD_DEFAULT, "no_such_symbol_anywhere") == nullptr);
    EXPECT(dlerror() != nullptr);
    EXPECT(dlsym(RTLD_DEFAULT, "malloc") != nullptr);
  }
  // Each thread says its own error, kept in memory that its end frees.
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([] {
      EXPECT(dlopen("another-missing-library.so", RTLD_LAZY) == nullptr);
      EXPECT(dlerror() != nullptr);
    });
  }
  for (std::thread& t : threads) t.join();
}

struct Late {
  std::vector<std::string> kept = std::vector<std::string>(100, std::string(100, 'x'));
  ~Late() { holdfast::hazards::exercise_malloc(); }
};

HAZARD(allocations_after_main) {
  static Late late;
  EXPECT(std::atexit([] { holdfast::hazards::exercise_malloc(); }) == 0);
  late.kept.resize(200);
}

[[gnu::destructor(101)]] void last_destructor() { holdfast::hazards::exercise_malloc(); }

HAZARD(an_exit_while_threads_allocate) {
  for (int i = 0; i < 4; ++i) {
    std::thread([] {
      for (std::size_t n = 1;; n = (n * 5 + 1) % 60'000) std::free(std::malloc(n));
    }).detach();
  }
  std::puts("going");
  std::exit(0);
}

HAZARD(a_quick_exit) {
  EXPECT(std::at_quick_exit([] { holdfast::hazards::exercise_malloc(); }) == 0);
  std::puts("going quickly");
  std::fflush(stdout);
  std::quick_exit(0);
}

}  // namespace
