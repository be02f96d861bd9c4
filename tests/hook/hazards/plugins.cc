// Libraries that come and go, with blocks that stay.
#include <dlfcn.h>

#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "hazard.h"

namespace {

using Take = void* (*)(std::size_t);

std::string plugin_path() { return std::string(holdfast::hazards::own_folder()) + "/libstress_plugin.so"; }

HAZARD(libraries_closed_with_live_blocks) {
  std::vector<void*> blocks;
  for (int i = 0; i < 50; ++i) {
    void* library = dlopen(plugin_path().c_str(), i % 2 == 0 ? RTLD_NOW : RTLD_LAZY);
    if (library == nullptr) std::fprintf(stderr, "%s\n", dlerror());
    EXPECT(library != nullptr);
    const auto take = reinterpret_cast<Take>(dlsym(library, "take"));
    EXPECT(take != nullptr);
    for (std::size_t n = 1; n < 100'000; n = n * 4 + 1) blocks.push_back(take(n));
    EXPECT(dlclose(library) == 0);
    holdfast::hazards::exercise_malloc();
  }
  for (std::size_t i = 0; i < blocks.size(); i += 2) std::free(blocks[i]);
  for (std::size_t i = 1; i < blocks.size(); i += 2) std::free(std::realloc(blocks[i], 40'000));
}

HAZARD(libraries_in_a_namespace_of_their_own) {
  // dlmopen brings a second C library, whose allocations are its own.
  void* library = dlmopen(LM_ID_NEWLM, plugin_path().c_str(), RTLD_NOW);
  if (library != nullptr) {
    const auto take = reinterpret_cast<Take>(dlsym(library, "take"));
    EXPECT(take != nullptr && take(1000) != nullptr);
    EXPECT(dlclose(library) == 0);
  }
  holdfast::hazards::exercise_malloc();
}

HAZARD(libraries_opened_by_many_threads) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([] {
      for (int i = 0; i < 20; ++i) {
        void* library = dlopen(plugin_path().c_str(), RTLD_NOW);
        EXPECT(library != nullptr);
        void* p = reinterpret_cast<Take>(dlsym(library, "take"))(5000);
        EXPECT(dlclose(library) == 0);
        std::free(p);
      }
    });
  }
  for (std::thread& t : threads) t.join();
}

}  // namespace
