// dlclose, so that code which goes away is noticed: cached unwind rows die, and the snapshot remembers what was mapped.
// dlopen is left alone: it asks who called it, and the unwinder finds new code by itself.
#include <dlfcn.h>

#include <atomic>
#include <cstring>

#include "hook/dl.h"
#include "record/unwind.h"

namespace holdfast::hook {
namespace {
std::atomic<void (*)()> g_before_unload{nullptr};
}  // namespace

void on_unload(void (*before)()) noexcept { g_before_unload.store(before, std::memory_order_release); }

}  // namespace holdfast::hook

extern "C" __attribute__((visibility("default"))) int dlclose(void* handle) noexcept {
  using Dlclose = int (*)(void*);
  static std::atomic<Dlclose> real{nullptr};
  Dlclose next = real.load(std::memory_order_acquire);
  if (next == nullptr) {
    void* address = dlsym(RTLD_NEXT, "dlclose");
    std::memcpy(&next, &address, sizeof(address));
    if (next == nullptr) return -1;
    real.store(next, std::memory_order_release);
  }
  if (auto before = holdfast::hook::g_before_unload.load(std::memory_order_acquire)) before();
  const int result = next(handle);
  holdfast::record::forget_unwind_rows();
  return result;
}
