// Every form of operator new and delete up to C++17, going straight to the real malloc: through libstdc++'s own they would
// be counted twice.
#include <cstdint>
#include <cstdlib>
#include <new>

#include "hook/slow_path.h"

#define HOLDFAST_EXPORT __attribute__((visibility("default"))) HOLDFAST_OWN_FRAME

namespace hook = holdfast::hook;

const char hook::kOperatorNewIsLinked = 1;

namespace {

// No memory: the C++ library's own operator new asks the new_handler and throws, from the copy of the library that the
// program uses. A program with the library linked in has no other copy than ours to ask.
HOLDFAST_OWN_FRAME [[gnu::noinline]] void* no_memory(std::size_t size) {
  if (hook::g_real.operator_new != nullptr) return hook::g_real.operator_new(size);
  for (;;) {
    const std::new_handler handler = std::get_new_handler();
    if (handler == nullptr) throw std::bad_alloc();
    handler();
    if (void* p = hook::allocate(size)) return p;
  }
}

HOLDFAST_OWN_FRAME [[gnu::noinline]] void* no_memory(std::size_t size, std::size_t alignment) {
  // libstdc++ rounds the size up to the alignment without looking: near the top it would become 0 and succeed.
  constexpr auto kLargest = static_cast<std::size_t>(PTRDIFF_MAX);
  if (size > kLargest && hook::g_real.operator_new != nullptr) return hook::g_real.operator_new(size);
  if (hook::g_real.operator_new_aligned != nullptr) return hook::g_real.operator_new_aligned(size, alignment);
  for (;;) {
    const std::new_handler handler = std::get_new_handler();
    if (handler == nullptr) throw std::bad_alloc();
    handler();
    if (void* p = hook::allocate_aligned(alignment, size)) return p;
  }
}

// operator new(0) must return a pointer of its own, which malloc(0) does in all the allocators behind us.
[[gnu::always_inline]] inline void* take(std::size_t size) {
  if (HOLDFAST_HOOK_LIKELY(hook::take_from_countdown(size))) return hook::g_real.fast_new(size);
  void* p = hook::allocate_slow(size, 0, hook::Call::malloc);
  return HOLDFAST_HOOK_LIKELY(p != nullptr) ? p : no_memory(size);
}

[[gnu::always_inline]] inline void release_sized(void* p, std::size_t size) noexcept {
  if (__builtin_expect(holdfast::record::maybe_ours(p), 0)) return hook::free_slow(p);
  hook::g_real.fast_delete_sized(p, size);
}

[[gnu::always_inline]] inline void* take(std::size_t size, std::align_val_t alignment) {
  const auto wanted = static_cast<std::size_t>(alignment);
  void* p = hook::allocate_aligned(wanted, size);
  return HOLDFAST_HOOK_LIKELY(p != nullptr) ? p : no_memory(size, wanted);
}

template <typename... Alignment>
HOLDFAST_OWN_FRAME [[gnu::noinline]] void* no_memory_nothrow(std::size_t size, Alignment... alignment) noexcept {
  try {
    return no_memory(size, alignment...);
  } catch (...) {
    return nullptr;
  }
}

}  // namespace

HOLDFAST_OWN_FRAME void* hook::new_by_malloc(std::size_t size) {
  void* p = g_real.malloc(size);
  return HOLDFAST_HOOK_LIKELY(p != nullptr) ? p : no_memory(size);
}

HOLDFAST_EXPORT void* operator new(std::size_t size) { return take(size); }
HOLDFAST_EXPORT void* operator new[](std::size_t size) { return take(size); }
HOLDFAST_EXPORT void* operator new(std::size_t size, std::align_val_t alignment) { return take(size, alignment); }
HOLDFAST_EXPORT void* operator new[](std::size_t size, std::align_val_t alignment) { return take(size, alignment); }

HOLDFAST_EXPORT void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  void* p = hook::allocate(size);
  return HOLDFAST_HOOK_LIKELY(p != nullptr) ? p : no_memory_nothrow(size);
}
HOLDFAST_EXPORT void* operator new[](std::size_t size, const std::nothrow_t&) noexcept {
  void* p = hook::allocate(size);
  return HOLDFAST_HOOK_LIKELY(p != nullptr) ? p : no_memory_nothrow(size);
}
HOLDFAST_EXPORT void* operator new(std::size_t size, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  const auto wanted = static_cast<std::size_t>(alignment);
  void* p = hook::allocate_aligned(wanted, size);
  return HOLDFAST_HOOK_LIKELY(p != nullptr) ? p : no_memory_nothrow(size, wanted);
}
HOLDFAST_EXPORT void* operator new[](std::size_t size, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  const auto wanted = static_cast<std::size_t>(alignment);
  void* p = hook::allocate_aligned(wanted, size);
  return HOLDFAST_HOOK_LIKELY(p != nullptr) ? p : no_memory_nothrow(size, wanted);
}

HOLDFAST_EXPORT void operator delete(void* p) noexcept { hook::release(p); }
HOLDFAST_EXPORT void operator delete[](void* p) noexcept { hook::release(p); }
HOLDFAST_EXPORT void operator delete(void* p, std::size_t size) noexcept { release_sized(p, size); }
HOLDFAST_EXPORT void operator delete[](void* p, std::size_t size) noexcept { release_sized(p, size); }
HOLDFAST_EXPORT void operator delete(void* p, const std::nothrow_t&) noexcept { hook::release(p); }
HOLDFAST_EXPORT void operator delete[](void* p, const std::nothrow_t&) noexcept { hook::release(p); }
HOLDFAST_EXPORT void operator delete(void* p, std::align_val_t) noexcept { hook::release(p); }
HOLDFAST_EXPORT void operator delete[](void* p, std::align_val_t) noexcept { hook::release(p); }
HOLDFAST_EXPORT void operator delete(void* p, std::size_t, std::align_val_t) noexcept { hook::release(p); }
HOLDFAST_EXPORT void operator delete[](void* p, std::size_t, std::align_val_t) noexcept { hook::release(p); }
HOLDFAST_EXPORT void operator delete(void* p, std::align_val_t, const std::nothrow_t&) noexcept { hook::release(p); }
HOLDFAST_EXPORT void operator delete[](void* p, std::align_val_t, const std::nothrow_t&) noexcept { hook::release(p); }
