// The C allocation functions, in front of whichever allocator the program uses. Definitions here interpose those of the
// shared libraries: linked into the program, or preloaded.
#include <malloc.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "hook/slow_path.h"

#define HOLDFAST_EXPORT extern "C" __attribute__((visibility("default"))) HOLDFAST_OWN_FRAME

using holdfast::hook::g_real;
namespace hook = holdfast::hook;
namespace record = holdfast::record;

const char holdfast::hook::kMallocIsLinked = 1;

namespace {

bool is_power_of_two(std::size_t n) noexcept { return n != 0 && (n & (n - 1)) == 0; }

}  // namespace

HOLDFAST_EXPORT void* malloc(std::size_t size) noexcept { return hook::allocate(size); }

HOLDFAST_EXPORT void free(void* p) noexcept { hook::release(p); }

HOLDFAST_EXPORT void* calloc(std::size_t count, std::size_t size) noexcept {
  std::size_t total = 0;
  if (__builtin_mul_overflow(count, size, &total)) {
    errno = ENOMEM;
    return nullptr;
  }
  if (HOLDFAST_HOOK_LIKELY(hook::take_from_countdown(total))) return g_real.calloc(count, size);
  return hook::allocate_slow(total, 0, hook::Call::calloc);
}

HOLDFAST_EXPORT void* realloc(void* p, std::size_t size) noexcept {
  if (HOLDFAST_HOOK_LIKELY(!record::maybe_ours(p) && hook::take_from_countdown(size))) {
    return g_real.realloc(p, size);
  }
  return hook::reallocate_slow(p, size);
}

HOLDFAST_EXPORT void* reallocarray(void* p, std::size_t count, std::size_t size) noexcept {
  std::size_t total = 0;
  if (__builtin_mul_overflow(count, size, &total)) {
    errno = ENOMEM;
    return nullptr;
  }
  return realloc(p, total);
}

// Requests with an alignment that a sampled block cannot have or that is invalid are the real allocator's to answer.
HOLDFAST_EXPORT void* memalign(std::size_t alignment, std::size_t size) noexcept {
  if (!is_power_of_two(alignment)) return g_real.memalign(alignment, size);
  return hook::allocate_aligned(alignment, size);
}

HOLDFAST_EXPORT void* aligned_alloc(std::size_t alignment, std::size_t size) noexcept {
  if (!is_power_of_two(alignment)) return g_real.aligned_alloc(alignment, size);
  if (HOLDFAST_HOOK_LIKELY(hook::take_from_countdown(size))) return g_real.aligned_alloc(alignment, size);
  return hook::allocate_slow(size, alignment, hook::Call::memalign);
}

HOLDFAST_EXPORT int posix_memalign(void** p, std::size_t alignment, std::size_t size) noexcept {
  if (!is_power_of_two(alignment) || alignment % sizeof(void*) != 0) return EINVAL;
  if (HOLDFAST_HOOK_LIKELY(hook::take_from_countdown(size))) return g_real.posix_memalign(p, alignment, size);
  const int saved = errno;
  void* block = hook::allocate_slow(size, alignment, hook::Call::memalign);
  errno = saved;
  if (block == nullptr) return ENOMEM;
  *p = block;
  return 0;
}

HOLDFAST_EXPORT void* valloc(std::size_t size) noexcept {
  return memalign(static_cast<std::size_t>(sysconf(_SC_PAGESIZE)), size);
}

HOLDFAST_EXPORT void* pvalloc(std::size_t size) noexcept {
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  std::size_t rounded = 0;
  if (__builtin_add_overflow(size, page - 1, &rounded)) {
    errno = ENOMEM;
    return nullptr;
  }
  return memalign(page, rounded & ~(page - 1));
}

HOLDFAST_EXPORT std::size_t malloc_usable_size(void* p) noexcept {
  if (HOLDFAST_HOOK_LIKELY(!record::maybe_ours(p))) return g_real.malloc_usable_size(p);
  return hook::usable_size_slow(p);
}

// C23's sized frees, and the name that old programs use.
HOLDFAST_EXPORT void free_sized(void* p, std::size_t) noexcept { hook::release(p); }
HOLDFAST_EXPORT void free_aligned_sized(void* p, std::size_t, std::size_t) noexcept { hook::release(p); }
HOLDFAST_EXPORT void cfree(void* p) noexcept { hook::release(p); }
