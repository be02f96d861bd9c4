#include "hook/allocator_hooks.h"

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "hook/slow_path.h"

namespace holdfast::hook {
namespace {

using record::g_recorder;
using record::t_state;

Allocator g_hooked = Allocator::unknown;
const void* g_installer = nullptr;

// Parks the countdown for the recorder's own work; `next` is what the thread goes on with.
class Inside {
 public:
  Inside() noexcept : next(__atomic_load_n(&t_state.countdown, __ATOMIC_RELAXED)) {}
  Inside(const Inside&) = delete;
  Inside& operator=(const Inside&) = delete;
  ~Inside() { __atomic_store_n(&t_state.countdown, next, __ATOMIC_RELAXED); }

  std::uint64_t next;
};

HOLDFAST_OWN_FRAME [[gnu::noinline]] void record_block(void* p, std::size_t size) noexcept {
  Inside around;
  const record::InsideScope inside;
  const record::Decision decision = g_recorder.decide(size, around.next);
  around.next = decision.next_countdown;
  if (!decision.sample) return;
  record::StackStart start;
  HOLDFAST_STACK_START(start);
  const record::SiteId site = g_recorder.capture_site(start);
  g_recorder.release(p);  // a record whose end was missed must not stand beside the new one
  g_recorder.track_large(p, size, site, decision.interval_id);
}

HOLDFAST_OWN_FRAME void block_made(const void* p, std::size_t size) noexcept {
  if (p == nullptr || take_from_countdown(size) || t_state.inside != 0 || t_state.quiet != 0) return;
  record_block(const_cast<void*>(p), size);
}

HOLDFAST_OWN_FRAME void block_ended(const void* p) noexcept {
  if (p == nullptr || !g_recorder.may_be_large(p)) return;
  const Inside around;
  const record::InsideScope inside;
  if (g_recorder.release(const_cast<void*>(p)) == record::Released::deferred) {
    g_recorder.drops().lock_timeouts.fetch_add(1, std::memory_order_relaxed);
  }
}

// gperftools, <gperftools/malloc_hook_c.h>.
using NewHook = void (*)(const void*, std::size_t);
using DeleteHook = void (*)(const void*);

bool install_malloc_hook(SymbolLookup look_up) noexcept {
  int (*add_new)(NewHook) = nullptr;
  int (*add_delete)(DeleteHook) = nullptr;
  void* const new_address = look_up("MallocHook_AddNewHook");
  void* const delete_address = look_up("MallocHook_AddDeleteHook");
  if (new_address == nullptr || delete_address == nullptr) return false;
  std::memcpy(&add_new, &new_address, sizeof add_new);
  std::memcpy(&add_delete, &delete_address, sizeof add_delete);
  if (add_delete([](const void* p) { block_ended(p); }) == 0) return false;
  if (add_new([](const void* p, std::size_t size) { block_made(p, size); }) == 0) return false;
  g_hooked = Allocator::tcmalloc;
  g_installer = new_address;
  return true;
}

// jemalloc 5.3, include/jemalloc/internal/hook.h: called after an allocation, before a free, after a resize
// in place.
struct JemallocHooks {
  void (*made)(void* extra, int call, void* result, std::uintptr_t raw_result, std::uintptr_t arguments[3]);
  void (*ended)(void* extra, int call, void* address, std::uintptr_t arguments[3]);
  void (*resized)(void* extra, int call, void* address, std::size_t old_usable, std::size_t new_usable,
                  std::uintptr_t raw_result, std::uintptr_t arguments[4]);
  void* extra;
};
enum JemallocCall {
  je_malloc,
  je_posix_memalign,
  je_aligned_alloc,
  je_calloc,
  je_memalign,
  je_valloc,
  je_mallocx,
  je_realloc,
  je_rallocx
};

std::size_t size_asked(int call, const std::uintptr_t* arguments) noexcept {
  switch (call) {
    case je_posix_memalign:
      return arguments[2];
    case je_calloc:
      return arguments[0] * arguments[1];
    case je_aligned_alloc:
    case je_memalign:
    case je_realloc:
    case je_rallocx:
      return arguments[1];
    default:
      return arguments[0];
  }
}

HOLDFAST_OWN_FRAME void jemalloc_made(void*, int call, void* result, std::uintptr_t,
                                      std::uintptr_t* arguments) noexcept {
  block_made(result, size_asked(call, arguments));
}

HOLDFAST_OWN_FRAME void jemalloc_resized(void*, int call, void* address, std::size_t, std::size_t new_usable,
                                         std::uintptr_t, std::uintptr_t* arguments) noexcept {
  block_ended(address);
  // realloc(p, size) and rallocx(p, size, flags); xallocx(p, size, extra, flags) may have reached less or
  // more.
  constexpr int kRealloc = 0, kRallocx = 1;
  block_made(address, call == kRealloc || call == kRallocx ? arguments[1] : new_usable);
}

bool install_jemalloc_hooks(SymbolLookup look_up) noexcept {
  int (*mallctl)(const char*, void*, std::size_t*, void*, std::size_t) = nullptr;
  void* const address = look_up("mallctl");
  if (address == nullptr) return false;
  std::memcpy(&mallctl, &address, sizeof mallctl);
  const char* version = nullptr;
  std::size_t size = sizeof version;
  // The interface is experimental: only versions whose form is known.
  if (mallctl("version", &version, &size, nullptr, 0) != 0 || std::strncmp(version, "5.3.", 4) != 0)
    return false;
  JemallocHooks hooks = {jemalloc_made, [](void*, int, void* p, std::uintptr_t*) { block_ended(p); },
                         jemalloc_resized, nullptr};
  void* handle = nullptr;
  size = sizeof handle;
  if (mallctl("experimental.hooks.install", &handle, &size, &hooks, sizeof hooks) != 0) return false;
  g_hooked = Allocator::jemalloc;
  g_installer = address;
  return true;
}

}  // namespace

bool install_allocator_hooks(SymbolLookup look_up) noexcept {
  return g_hooked != Allocator::unknown || install_malloc_hook(look_up) || install_jemalloc_hooks(look_up);
}

Allocator hooked_allocator() noexcept { return g_hooked; }
const void* hook_installer() noexcept { return g_installer; }

}  // namespace holdfast::hook
