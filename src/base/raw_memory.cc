#include "base/raw_memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>

namespace holdfast::base {
namespace {

std::atomic<std::size_t> g_mapped{0};

constexpr std::size_t kPage = 4096;

std::size_t whole_pages(std::size_t bytes) noexcept { return (bytes + kPage - 1) & ~(kPage - 1); }

// Ranges in use, each slot claimed by its start. Slots are never moved, so that no lock is needed; 1 MiB of address space,
// of which only what is used becomes memory.
struct Slot {
  std::atomic<std::uintptr_t> start;
  std::atomic<std::size_t> bytes;
};
constexpr std::size_t kSlots = 65'536;
Slot g_slots[kSlots];
std::atomic<std::size_t> g_slots_used{0};  // one past the highest slot ever claimed
std::atomic<std::size_t> g_slot_hint{0};   // slots below it are most likely taken

void note_mapped(std::uintptr_t start, std::size_t bytes) noexcept {
  for (std::size_t i = g_slot_hint.load(std::memory_order_relaxed); i < kSlots; ++i) {
    std::uintptr_t free = 0;
    if (!g_slots[i].start.compare_exchange_strong(free, start, std::memory_order_acq_rel)) continue;
    g_slots[i].bytes.store(bytes, std::memory_order_release);
    std::size_t used = g_slots_used.load(std::memory_order_relaxed);
    while (used < i + 1 && !g_slots_used.compare_exchange_weak(used, i + 1, std::memory_order_release)) {
    }
    g_slot_hint.store(i + 1, std::memory_order_relaxed);
    return;
  }
}

void forget_mapped(std::uintptr_t start) noexcept {
  for (std::size_t i = g_slots_used.load(std::memory_order_acquire); i-- > 0;) {
    if (g_slots[i].start.load(std::memory_order_acquire) != start) continue;
    g_slots[i].bytes.store(0, std::memory_order_relaxed);
    g_slots[i].start.store(0, std::memory_order_release);
    std::size_t hint = g_slot_hint.load(std::memory_order_relaxed);
    while (i < hint && !g_slot_hint.compare_exchange_weak(hint, i, std::memory_order_relaxed)) {
    }
    return;
  }
}

}  // namespace

void* map_pages(std::size_t bytes) noexcept {
  const int saved = errno;
  void* p = mmap(nullptr, whole_pages(bytes), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  errno = saved;
  if (p == MAP_FAILED) return nullptr;
  g_mapped.fetch_add(whole_pages(bytes), std::memory_order_relaxed);
  note_mapped(reinterpret_cast<std::uintptr_t>(p), whole_pages(bytes));
  return p;
}

void unmap_pages(void* address, std::size_t bytes) noexcept {
  if (address == nullptr || bytes == 0) return;
  const int saved = errno;
  forget_mapped(reinterpret_cast<std::uintptr_t>(address));
  munmap(address, whole_pages(bytes));
  errno = saved;
  g_mapped.fetch_sub(whole_pages(bytes), std::memory_order_relaxed);
}

void* reserve_pages(std::size_t bytes, std::size_t alignment) noexcept {
  const int saved = errno;
  const std::size_t total = bytes + alignment;
  void* p = mmap(nullptr, total, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (p == MAP_FAILED) {
    errno = saved;
    return nullptr;
  }
  const auto start = reinterpret_cast<std::uintptr_t>(p);
  const std::uintptr_t aligned = (start + alignment - 1) & ~(alignment - 1);
  if (aligned > start) munmap(p, aligned - start);
  if (start + total > aligned + bytes) {
    munmap(reinterpret_cast<void*>(aligned + bytes), start + total - (aligned + bytes));
  }
  errno = saved;
  return reinterpret_cast<void*>(aligned);
}

void unreserve_pages(void* address, std::size_t bytes) noexcept {
  const int saved = errno;
  munmap(address, bytes);
  errno = saved;
}

bool commit_pages(void* address, std::size_t bytes) noexcept {
  const int saved = errno;
  const bool ok = mprotect(address, bytes, PROT_READ | PROT_WRITE) == 0;
  errno = saved;
  return ok;
}

std::size_t mapped_bytes() noexcept { return g_mapped.load(std::memory_order_relaxed); }

std::size_t mapped_ranges(MappedRange* out, std::size_t max) noexcept {
  std::size_t found = 0;
  const std::size_t used = g_slots_used.load(std::memory_order_acquire);
  for (std::size_t i = 0; i < used; ++i) {
    const std::uintptr_t start = g_slots[i].start.load(std::memory_order_acquire);
    const std::size_t bytes = g_slots[i].bytes.load(std::memory_order_acquire);
    if (start == 0 || bytes == 0) continue;
    if (found < max) out[found] = {start, bytes};
    ++found;
  }
  return found;
}

}  // namespace holdfast::base
