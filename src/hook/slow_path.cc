#include "hook/slow_path.h"

#include <dlfcn.h>
#include <pthread.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>

#include "hook/allocator_hooks.h"
#include "hook/direct.h"

namespace holdfast::hook {
namespace {

using record::g_recorder;
using record::t_state;

HOLDFAST_OWN_FRAME void* call_real(std::size_t size, std::size_t alignment, Call call) noexcept {
  switch (call) {
    case Call::malloc:
      return g_real.malloc(size);
    case Call::calloc:
      return g_real.calloc(1, size);
    case Call::memalign:
      return g_real.memalign(alignment, size);
  }
  return nullptr;
}

// A sampled block, or nullptr: then the allocation goes on unsampled.
HOLDFAST_OWN_FRAME [[gnu::noinline]] void* allocate_sample(std::size_t size, std::size_t alignment,
                                                           bool zeroed, std::uint16_t interval_id) noexcept {
  record::StackStart start;
  HOLDFAST_STACK_START(start);
  const record::SiteId site = g_recorder.capture_site(start);
  if (size <= record::kLargestSmall && alignment <= record::kLargestAlignment) {
    void* p = g_recorder.take_small(size, alignment, site, interval_id);
    if (p != nullptr && zeroed) std::memset(p, 0, size);
    if (p != nullptr) return p;
    // No room there: recorded like a large one.
  }
  const std::size_t tag = std::max(alignment, g_recorder.large_tag());
  void* p = nullptr;
  if (tag != 0) {
    p = g_real.memalign(tag, size);
    if (p != nullptr && zeroed) std::memset(p, 0, size);
  } else {
    p = zeroed ? g_real.calloc(1, size) : g_real.malloc(size);
  }
  if (p != nullptr) {
    g_recorder.track_large(p, size, site, interval_id);
  } else {
    g_recorder.drops().large_untracked.fetch_add(1, std::memory_order_relaxed);
  }
  return p;
}

// Ends the slow path of one allocation: the thread counts on from here.
class Countdown {
 public:
  Countdown() noexcept : on_entry_(__atomic_load_n(&t_state.countdown, __ATOMIC_RELAXED)) {}
  ~Countdown() { __atomic_store_n(&t_state.countdown, next_, __ATOMIC_RELAXED); }
  Countdown(const Countdown&) = delete;
  Countdown& operator=(const Countdown&) = delete;

  record::Decision decide(std::size_t size) noexcept {
    const record::Decision decision = g_recorder.decide(size, on_entry_);
    next_ = decision.next_countdown;
    return decision;
  }
  void keep() noexcept { next_ = on_entry_; }

 private:
  std::uint64_t on_entry_;
  std::uint64_t next_ = record::kParked;
};

// Early, so that every thread the program starts is known and can be told when recording starts. The fork handlers too: of
// all that are registered, the first one to take locks runs last, right before the fork, and gives them back first. Whoever
// is waited for in the others' handlers can go on.
[[gnu::constructor(101)]] void before_main() noexcept {
  g_recorder.make_thread_key();
  install_fork_handlers();
  make_calls_direct();
}

// Must not be sampled: the recorder's own work, or a quiet thread asking for more than the parked countdown.
bool unsampled_thread() noexcept { return t_state.inside != 0 || t_state.quiet != 0; }

void drain_deferred() noexcept {
  for (void* p = g_recorder.take_deferred(); p != nullptr;) {
    void* next = record::Recorder::next_deferred(p);
    free_slow(p);
    p = next;
  }
}

// A block of the real allocator (or none of ours) that grows into a sample.
HOLDFAST_OWN_FRAME [[gnu::noinline]] void* reallocate_sample(void* p, std::size_t size, std::size_t old_size,
                                                             std::uint16_t interval_id) noexcept {
  if (size <= record::kLargestSmall) {
    void* fresh = allocate_sample(size, 0, false, interval_id);
    if (fresh == nullptr) return nullptr;
    std::memcpy(fresh, p, std::min(size, old_size));
    g_real.free(p);
    return fresh;
  }
  record::StackStart start;
  HOLDFAST_STACK_START(start);
  const record::SiteId site = g_recorder.capture_site(start);
  // The real realloc may move pages instead of bytes, and a page-aligned block often stays one.
  void* moved = g_real.realloc(p, size);
  if (moved == nullptr) return nullptr;
  if (!record::maybe_ours(moved)) {
    void* tagged = g_real.memalign(g_recorder.large_tag(), size);
    if (tagged == nullptr) return moved;
    std::memcpy(tagged, moved, std::min(size, old_size));
    g_real.free(moved);
    moved = tagged;
  }
  g_recorder.track_large(moved, size, site, interval_id);
  return moved;
}

}  // namespace

HOLDFAST_OWN_FRAME void* allocate_slow(std::size_t size, std::size_t alignment, Call call) noexcept {
  if (unsampled_thread()) return call_real(size, alignment, call);
  if (!resolve()) return call_real(size, alignment, call);
  drain_deferred();
  Countdown countdown;
  const record::InsideScope inside;
  const record::Decision decision = countdown.decide(size);
  if (decision.sample) {
    void* p = allocate_sample(size, alignment, call == Call::calloc, decision.interval_id);
    if (p != nullptr) return p;
  }
  return call_real(size, alignment, call);
}

void free_slow(void* p) noexcept {
  if (p == nullptr || is_bootstrap(p)) return;
  Countdown countdown;
  countdown.keep();
  const record::InsideScope inside;
  switch (g_recorder.release(p)) {
    case record::Released::yes:
      if (!record::in_region(p)) g_real.free(p);
      break;
    case record::Released::not_ours:
      g_real.free(p);
      break;
    case record::Released::deferred:
      g_recorder.defer(p);
      break;
  }
}

HOLDFAST_OWN_FRAME void* reallocate_slow(void* p, std::size_t size) noexcept {
  if (p == nullptr) return allocate(size);
  if (is_bootstrap(p)) {
    void* fresh = allocate(size);
    if (fresh != nullptr) std::memcpy(fresh, p, std::min(size, bootstrap_size(p)));
    return fresh;
  }
  record::Found found = g_recorder.find(p);
  // The program may use a large block to its end, beyond what it asked for.
  if (found.ours && !found.small) found.usable = g_real.malloc_usable_size(p);
  if (found.ours && size == 0) {
    // As glibc and gperftools do; jemalloc would hand out a smallest block, which no portable program relies
    // on.
    free_slow(p);
    return nullptr;
  }
  if (found.unknown) {
    // Should it be one of ours, its record must not stay behind at the old address: free_slow sees to that.
    void* fresh = size == 0 ? nullptr : allocate(size);
    if (fresh != nullptr) std::memcpy(fresh, p, std::min(size, g_real.malloc_usable_size(p)));
    if (fresh != nullptr || size == 0) free_slow(p);
    return fresh;
  }
  if (!found.ours) {
    if (unsampled_thread() || !resolve() || size == 0) return g_real.realloc(p, size);
    drain_deferred();
    Countdown countdown;
    const record::InsideScope inside;
    const record::Decision decision = countdown.decide(size);
    if (decision.sample) {
      void* fresh = reallocate_sample(p, size, g_real.malloc_usable_size(p), decision.interval_id);
      if (fresh != nullptr) return fresh;
    }
    return g_real.realloc(p, size);
  }
  if (found.small && found.exact && size <= found.usable && !unsampled_thread()) {
    Countdown countdown;
    countdown.keep();
    const record::InsideScope inside;
    record::StackStart start;
    HOLDFAST_STACK_START(start);
    if (g_recorder.resize_in_place(p, size, g_recorder.capture_site(start))) return p;
  }
  if (!found.small && size > record::kLargestSmall && !unsampled_thread()) {
    Countdown countdown;
    const record::InsideScope inside;
    const record::Decision decision = countdown.decide(size);
    if (decision.sample) {
      if (g_recorder.release(p) == record::Released::yes) {
        void* fresh = reallocate_sample(p, size, found.usable, decision.interval_id);
        if (fresh != nullptr) return fresh;
        return g_real.realloc(p, size);  // as it was, unrecorded: the memory is short
      }
    }
  }
  void* fresh = allocate(size);
  if (fresh == nullptr) return nullptr;
  std::memcpy(fresh, p, std::min(size, found.usable));
  free_slow(p);
  return fresh;
}

std::size_t usable_size_slow(void* p) noexcept {
  if (p == nullptr) return 0;
  if (is_bootstrap(p)) return bootstrap_size(p);
  const record::Found found = g_recorder.find(p);
  if (!found.ours) return g_real.malloc_usable_size(p);
  return found.small ? found.usable : g_real.malloc_usable_size(p);
}

template <typename F>
static F as_the_program_sees(const char* symbol, F otherwise) noexcept {
  // Not RTLD_DEFAULT, which begins with a library that is bound to itself.
  void* program = dlopen(nullptr, RTLD_LAZY);
  void* address = program == nullptr ? nullptr : dlsym(program, symbol);
  if (program != nullptr) dlclose(program);
  if (address == nullptr) return otherwise;
  F function = nullptr;
  std::memcpy(&function, &address, sizeof address);
  return function;
}

const char* unseen_allocation() noexcept {
  if (!resolve()) return "malloc (the program is statically linked)";
  // Addresses that the compiler cannot know to be there.
  const char* volatile linked = &kMallocIsLinked;
  if (linked == nullptr) return "malloc";
  linked = &kOperatorNewIsLinked;
  linked = &kLimitsAreLinked;
  // The countdown tells whether an allocation came by: it goes down by the size asked for.
  const record::QuietScope quiet;
  const auto seen = [](std::size_t size, auto&& allocate_and_free) {
    const std::uint64_t before = t_state.countdown;
    allocate_and_free();
    return before - t_state.countdown >= size;
  };
  // The functions that the program calls, as the loader finds them: ours may be bound to each other.
  const auto real_malloc = as_the_program_sees<void* (*)(std::size_t)>("malloc", &std::malloc);
  const auto real_free = as_the_program_sees<void (*)(void*)>("free", &std::free);
  const auto real_new = as_the_program_sees<void* (*)(std::size_t, const std::nothrow_t&)>(
      "_ZnwmRKSt9nothrow_t", static_cast<void* (*)(std::size_t, const std::nothrow_t&)>(&::operator new));
  const auto real_delete =
      as_the_program_sees<void (*)(void*)>("_ZdlPv", static_cast<void (*)(void*)>(&::operator delete));
  constexpr std::size_t kSize = 1234;
  if (!seen(kSize, [&] { real_free(real_malloc(kSize)); })) return "malloc";
  if (!seen(kSize, [&] { real_delete(real_new(kSize, std::nothrow)); })) return "operator new";
  if (!seen(kSize, [&] {
        char text[kSize];
        std::memset(text, 'x', sizeof(text) - 1);
        text[sizeof(text) - 1] = '\0';
        real_free(strdup(text));
      })) {
    return "malloc inside the C library";
  }
  return nullptr;
}

const char* how_seen() noexcept {
  switch (hooked_allocator()) {
    case Allocator::tcmalloc:
      return "gperftools' MallocHook, as interposition does not reach this malloc";
    case Allocator::jemalloc:
      return "jemalloc's experimental.hooks, as interposition does not reach this malloc";
    default:
      return "symbol interposition";
  }
}

void install_fork_handlers() noexcept {
  static bool installed = false;
  if (installed) return;
  installed = true;
  pthread_atfork([] { g_recorder.before_fork(); }, [] { g_recorder.after_fork(false); },
                 [] { g_recorder.after_fork(true); });
}

}  // namespace holdfast::hook
