// A plugin for the unwinder's tests, built twice with unlike frames at the same addresses, bound lazily.
#include <alloca.h>

#include <cstddef>
#include <cstring>

#define VISIBLE extern "C" __attribute__((visibility("default")))

using Leaf = void (*)(void*);

VISIBLE int plugin_call(Leaf leaf, void* argument) {
#if UNWIND_PLUGIN == 1
  char room[512];
#else
  char room[64];
#endif
  std::memset(room, 1, sizeof room);
  __asm__ volatile("" : : "r"(room) : "memory");
  leaf(argument);
  __asm__ volatile("" : : "r"(room) : "memory");
  return room[7];
}

namespace {
Leaf binding_leaf;
void* binding_argument;
int bound_function() { return 42; }
}  // namespace

// Resolved when first called, so that the loader's lazy binder is on the stack of `leaf`.
extern "C" {
using Function = int();
Function* resolve_bound() {
  if (binding_leaf != nullptr) binding_leaf(binding_argument);
  return bound_function;
}
__attribute__((visibility("default"), ifunc("resolve_bound"))) int plugin_bound();
}

VISIBLE int plugin_bind(Leaf leaf, void* argument) {
  binding_leaf = leaf;
  binding_argument = argument;
  const int result = plugin_bound();
  binding_leaf = nullptr;
  return result;
}
