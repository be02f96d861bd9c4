// jemalloc's own interface, for programs that mix it with malloc (folly does): a sampled block must not reach
// it. Where jemalloc is not behind, these have nothing to forward to and are never called: programs find out
// by asking for mallocx, which is not defined here.
#include <cstring>

#include "hook/slow_path.h"

#define HOLDFAST_EXPORT extern "C" __attribute__((visibility("default"))) HOLDFAST_OWN_FRAME

namespace hook = holdfast::hook;
namespace record = holdfast::record;
using hook::g_real;

namespace {

bool ours(const void* p) noexcept {
  if (!record::maybe_ours(p)) return false;
  const record::Found found = record::g_recorder.find(p);
  return found.ours || found.unknown;
}

// The alignment in a flags word, as MALLOCX_LG_ALIGN puts it there (jemalloc.h); 1 for none.
std::size_t alignment_of(int flags) noexcept { return std::size_t{1} << (flags & 63); }
bool zeroed(int flags) noexcept { return (flags & 64) != 0; }  // MALLOCX_ZERO

}  // namespace

HOLDFAST_EXPORT void dallocx(void* p, int flags) noexcept {
  if (ours(p) || g_real.dallocx == nullptr) return hook::release(p);
  g_real.dallocx(p, flags);
}

HOLDFAST_EXPORT void sdallocx(void* p, std::size_t size, int flags) noexcept {
  if (ours(p) || g_real.sdallocx == nullptr) return hook::release(p);
  g_real.sdallocx(p, size, flags);
}

HOLDFAST_EXPORT std::size_t sallocx(const void* p, int flags) noexcept {
  if (ours(p) || g_real.sallocx == nullptr) return hook::usable_size_slow(const_cast<void*>(p));
  return g_real.sallocx(p, flags);
}

// A sampled block never grows where it is.
HOLDFAST_EXPORT std::size_t xallocx(void* p, std::size_t size, std::size_t extra, int flags) noexcept {
  if (ours(p) || g_real.xallocx == nullptr) return hook::usable_size_slow(p);
  return g_real.xallocx(p, size, extra, flags);
}

HOLDFAST_EXPORT void* rallocx(void* p, std::size_t size, int flags) noexcept {
  if (!ours(p) && g_real.rallocx != nullptr) return g_real.rallocx(p, size, flags);
  const std::size_t old_size = hook::usable_size_slow(p);
  void* fresh = hook::allocate_aligned(alignment_of(flags), size);
  if (fresh == nullptr) return nullptr;
  std::memcpy(fresh, p, old_size < size ? old_size : size);
  if (zeroed(flags) && size > old_size) std::memset(static_cast<char*>(fresh) + old_size, 0, size - old_size);
  hook::release(p);
  return fresh;
}
