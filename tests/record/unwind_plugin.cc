// A plugin for the unwinder's tests, built twice with unlike frames at the same addresses, bound lazily.
#include <cstddef>
#include <cstring>

#define VISIBLE extern "C" __attribute__((visibility("default")))

using Leaf = void (*)(void*);

#if defined(__x86_64__)
// Both builds have the same instructions at the same addresses but for the size of the frame.
#if UNWIND_PLUGIN == 1
#define FRAME "1032"
#else
#define FRAME "520"
#endif
__asm__(
    ".text\n.globl plugin_call\n.type plugin_call, @function\nplugin_call:\n.cfi_startproc\n"
    "subq $" FRAME ", %rsp\n.cfi_adjust_cfa_offset " FRAME
    "\n"
    "movq %rdi, %rax\nmovq %rsi, %rdi\ncallq *%rax\n"
    "addq $" FRAME ", %rsp\n.cfi_adjust_cfa_offset -" FRAME
    "\n"
    "movl $7, %eax\nretq\n.cfi_endproc\n.size plugin_call, .-plugin_call\n");
#else
VISIBLE int plugin_call(Leaf leaf, void* argument) {
  char room[UNWIND_PLUGIN * 512];
  std::memset(room, 1, sizeof room);
  __asm__ volatile("" : : "r"(room) : "memory");
  leaf(argument);
  __asm__ volatile("" : : "r"(room) : "memory");
  return room[7];
}
#endif

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
