// A plugin that allocates, for programs that open and close such.
#include <cstdlib>

extern "C" __attribute__((visibility("default"), noinline)) void* plugin_allocates(std::size_t size) {
  void* block = std::malloc(size);
  asm volatile("" ::"r"(block) : "memory");
  return block;
}
