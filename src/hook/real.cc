#include "hook/real.h"

#include <dlfcn.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "hook/allocator_hooks.h"

namespace holdfast::hook {
namespace {

// dlsym rarely allocates, and then little: sixteen blocks are plenty. Their 64 KiB alignment makes free()
// look at them.
constexpr std::size_t kBootstrapBlock = 64 * 1024;
constexpr std::size_t kBootstrapBlocks = 16;
alignas(kBootstrapBlock) char g_bootstrap[kBootstrapBlocks * kBootstrapBlock];
std::atomic<std::size_t> g_bootstrap_used{0};

void* bootstrap_take(std::size_t size) noexcept {
  if (size > kBootstrapBlock) return nullptr;
  const std::size_t block = g_bootstrap_used.fetch_add(1, std::memory_order_relaxed);
  return block < kBootstrapBlocks ? g_bootstrap + block * kBootstrapBlock : nullptr;
}

[[noreturn]] void die(const char* text) noexcept {
  [[maybe_unused]] const auto written = write(STDERR_FILENO, text, strlen(text));
  std::_Exit(127);
}

enum class Phase { unresolved, resolving, resolved, absent };
std::atomic<Phase> g_phase{Phase::unresolved};
__thread bool t_resolving __attribute__((tls_model("initial-exec")));

void require() noexcept {
  if (resolve() || t_resolving) return;
  die("holdfast: this program is statically linked: there is no allocator to stand in front of; link it "
      "dynamically\n");
}

// The first call of each function goes here.
void* first_malloc(std::size_t size) noexcept {
  require();
  return t_resolving ? bootstrap_take(size) : g_real.malloc(size);
}
void first_free(void* p) noexcept {
  require();
  if (!t_resolving) g_real.free(p);
}
void* first_calloc(std::size_t count, std::size_t size) noexcept {
  require();
  if (!t_resolving) return g_real.calloc(count, size);
  std::size_t total = 0;
  // Bootstrap blocks are zero: each is handed out once.
  return __builtin_mul_overflow(count, size, &total) ? nullptr : bootstrap_take(total);
}
void* first_realloc(void* p, std::size_t size) noexcept {
  require();
  if (!t_resolving) return g_real.realloc(p, size);
  void* fresh = bootstrap_take(size);
  if (fresh != nullptr && p != nullptr)
    std::memcpy(fresh, p, size < kBootstrapBlock ? size : kBootstrapBlock);
  return fresh;
}
void* first_memalign(std::size_t alignment, std::size_t size) noexcept {
  require();
  if (!t_resolving) return g_real.memalign(alignment, size);
  return alignment <= kBootstrapBlock ? bootstrap_take(size) : nullptr;
}
int first_posix_memalign(void** p, std::size_t alignment, std::size_t size) noexcept {
  require();
  if (!t_resolving) return g_real.posix_memalign(p, alignment, size);
  *p = first_memalign(alignment, size);
  return *p == nullptr ? ENOMEM : 0;
}
void* first_aligned_alloc(std::size_t alignment, std::size_t size) noexcept {
  require();
  return t_resolving ? first_memalign(alignment, size) : g_real.aligned_alloc(alignment, size);
}
std::size_t first_usable_size(void* p) noexcept {
  require();
  return t_resolving ? 0 : g_real.malloc_usable_size(p);
}

void first_delete_sized(void* p, std::size_t) noexcept { first_free(p); }

// The shared object that an address lies in; nullptr when unknown.
const void* object_of(const void* address) noexcept {
  Dl_info info;
  return dladdr(address, &info) != 0 ? info.dli_fbase : nullptr;
}

// Fills `function` with the symbol's address if it belongs to the object that `malloc` belongs to.
template <typename F>
bool look_up_beside_malloc(F& function, void* (*malloc)(std::size_t) noexcept, const char* symbol) noexcept {
  const void* address = dlsym(RTLD_NEXT, symbol);
  const void* beside = nullptr;
  std::memcpy(&beside, &malloc, sizeof beside);
  if (address == nullptr || object_of(address) != object_of(beside)) return false;
  std::memcpy(&function, &address, sizeof address);
  return true;
}

template <typename F>
bool look_up(F& function, const char* symbol) noexcept {
  void* address = dlsym(RTLD_NEXT, symbol);
  static_assert(sizeof(function) == sizeof(address));
  std::memcpy(&function, &address, sizeof(address));
  return address != nullptr;
}

}  // namespace

RealAllocator g_real = {first_malloc,         first_free,          first_calloc,      first_realloc, first_memalign,
                        first_posix_memalign, first_aligned_alloc, first_usable_size, new_by_malloc, first_delete_sized,
                        nullptr,              nullptr,
                        nullptr,              nullptr,             nullptr,           nullptr,       nullptr,
                        nullptr,              nullptr};

const char* name(Allocator allocator) noexcept {
  switch (allocator) {
    case Allocator::glibc:
      return "glibc";
    case Allocator::tcmalloc:
      return "tcmalloc";
    case Allocator::jemalloc:
      return "jemalloc";
    case Allocator::mimalloc:
      return "mimalloc";
    case Allocator::unknown:
      break;
  }
  return "unknown";
}

bool resolve() noexcept {
  for (;;) {
    Phase phase = g_phase.load(std::memory_order_acquire);
    if (phase == Phase::resolved) return true;
    if (phase == Phase::absent || t_resolving) return false;
    if (phase == Phase::unresolved && g_phase.compare_exchange_strong(phase, Phase::resolving)) break;
  }
  t_resolving = true;
  const int saved = errno;
  RealAllocator found = {};
  // Not short-circuited: `found` must be complete or refused as a whole.
  const bool complete =
      look_up(found.malloc, "malloc") & look_up(found.free, "free") & look_up(found.calloc, "calloc") &
      look_up(found.realloc, "realloc") & look_up(found.memalign, "memalign") &
      look_up(found.posix_memalign, "posix_memalign") & look_up(found.aligned_alloc, "aligned_alloc") &
      look_up(found.malloc_usable_size, "malloc_usable_size");
  look_up(found.valloc, "valloc");
  look_up(found.pvalloc, "pvalloc");
  look_up(found.operator_new, "_Znwm");
  look_up(found.operator_new_aligned, "_ZnwmSt11align_val_t");
  look_up(found.dallocx, "dallocx");
  look_up(found.sdallocx, "sdallocx");
  look_up(found.rallocx, "rallocx");
  look_up(found.xallocx, "xallocx");
  look_up(found.sallocx, "sallocx");
  if (complete) {
    found.fast_new = new_by_malloc;
    look_up_beside_malloc(found.fast_new, found.malloc, "_Znwm");
    // Called with the size as well, which free() does not look at.
    if (!look_up_beside_malloc(found.fast_delete_sized, found.malloc, "_ZdlPvm")) {
      std::memcpy(&found.fast_delete_sized, &found.free, sizeof found.free);
    }
    // gperftools crashes when its first call is a memalign: let it see a plain one.
    found.free(found.malloc(1));
    g_real = found;
  }
  errno = saved;
  t_resolving = false;
  g_phase.store(complete ? Phase::resolved : Phase::absent, std::memory_order_release);
  return complete;
}

const char* behind_file() noexcept {
  Dl_info info;
  void* address = nullptr;
  std::memcpy(&address, &g_real.malloc, sizeof(address));
  if (hook_installer() != nullptr) address = const_cast<void*>(hook_installer());
  return dladdr(address, &info) != 0 && info.dli_fname != nullptr ? info.dli_fname : "";
}

Allocator behind() noexcept {
  if (hooked_allocator() != Allocator::unknown) return hooked_allocator();
  const char* file = behind_file();
  if (const char* slash = std::strrchr(file, '/')) file = slash + 1;
  if (std::strstr(file, "tcmalloc") != nullptr) return Allocator::tcmalloc;
  if (std::strstr(file, "jemalloc") != nullptr) return Allocator::jemalloc;
  if (std::strstr(file, "mimalloc") != nullptr) return Allocator::mimalloc;
  if (std::strncmp(file, "libc.so", 7) == 0 || std::strncmp(file, "libc-", 5) == 0) return Allocator::glibc;
  return Allocator::unknown;
}

bool is_bootstrap(const void* p) noexcept {
  return reinterpret_cast<std::uintptr_t>(p) - reinterpret_cast<std::uintptr_t>(g_bootstrap) <
         sizeof(g_bootstrap);
}

std::size_t bootstrap_size(const void*) noexcept { return kBootstrapBlock; }

}  // namespace holdfast::hook
