#include "base/raw_memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>

namespace holdfast::base {
namespace {

std::atomic<std::size_t> g_mapped{0};

constexpr std::size_t kPage = 4096;

std::size_t whole_pages(std::size_t bytes) noexcept { return (bytes + kPage - 1) & ~(kPage - 1); }

}  // namespace

void* map_pages(std::size_t bytes) noexcept {
  const int saved = errno;
  void* p = mmap(nullptr, whole_pages(bytes), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  errno = saved;
  if (p == MAP_FAILED) return nullptr;
  g_mapped.fetch_add(whole_pages(bytes), std::memory_order_relaxed);
  return p;
}

void unmap_pages(void* address, std::size_t bytes) noexcept {
  if (address == nullptr || bytes == 0) return;
  const int saved = errno;
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

bool commit_pages(void* address, std::size_t bytes) noexcept {
  const int saved = errno;
  const bool ok = mprotect(address, bytes, PROT_READ | PROT_WRITE) == 0;
  errno = saved;
  return ok;
}

std::size_t mapped_bytes() noexcept { return g_mapped.load(std::memory_order_relaxed); }

}  // namespace holdfast::base
