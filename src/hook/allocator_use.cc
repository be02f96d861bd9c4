#include "hook/allocator_use.h"

#include <dlfcn.h>
#include <malloc.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>

#include "hook/real.h"

namespace holdfast::hook {
namespace {

using record::AllocatorUse;

template <typename Function>
Function look_up(const char* symbol) noexcept {
  void* address = dlsym(RTLD_DEFAULT, symbol);
  Function function = nullptr;
  std::memcpy(&function, &address, sizeof(address));
  return function;
}

std::uint64_t less(std::uint64_t a, std::uint64_t b) noexcept { return a > b ? a - b : 0; }

std::int64_t now_ns() noexcept {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

// ---- glibc

constexpr std::int64_t kRestFactor = 50;  // at most 2 % of the time is spent walking
constexpr std::int64_t kShortWalkNs = 1'000'000;
constexpr std::int64_t kLongestWalkNs = 60'000'000'000;

AllocatorUse glibc_use() noexcept {
  using Mallinfo2 = struct mallinfo2 (*)();
  static const auto mallinfo = look_up<Mallinfo2>("mallinfo2");
  static std::atomic<std::int64_t> next_ns{0};
  const std::int64_t begin = now_ns();
  std::int64_t next = next_ns.load(std::memory_order_relaxed);
  // Whoever comes while another one walks, or too soon after, goes without.
  if (mallinfo == nullptr || begin < next || !next_ns.compare_exchange_strong(next, begin + kLongestWalkNs))
    return {};
  const struct mallinfo2 info = mallinfo();
  const std::int64_t took = now_ns() - begin;
  next_ns.store(took > kShortWalkNs ? begin + kRestFactor * took : 0, std::memory_order_relaxed);
  return {true, info.uordblks + info.hblkhd, info.fordblks, 0};
}

// malloc.c: a chunk is a header of 8 bytes and the block, in steps of 16 and at least 32; from the threshold
// on, which moves, blocks are mapped pages.
std::size_t glibc_size(std::size_t size) noexcept {
  if (size > SIZE_MAX / 2) return size;
  if (size >= 32 * 1024 * 1024) return (size + 16 + 4095) & ~std::size_t{4095};
  return std::max<std::size_t>((size + 8 + 15) & ~std::size_t{15}, 32);
}

// Reads memory that may be gone by now.
bool read_memory(std::uintptr_t address, void* to, std::size_t size) noexcept {
  const iovec here{to, size};
  const iovec there{reinterpret_cast<void*>(address), size};
  return process_vm_readv(getpid(), &here, 1, &there, 1, 0) == static_cast<ssize_t>(size);
}

// malloc.c: a mapped chunk begins with {offset from the mapping's start, size | 2}; arena.c: an arena's
// memory begins at a multiple of 64 MiB with {arena, previous, size, size made accessible}.
std::size_t glibc_owned_from(std::uintptr_t page, std::uintptr_t limit) noexcept {
  constexpr std::uint64_t kPage = 4096, kArena = std::uint64_t{64} << 20;
  std::uint64_t words[4] = {};
  if (!read_memory(page, words, sizeof(words))) return 0;
  if (page % kArena == 0 && words[0] != 0 && words[2] != 0 && words[2] <= words[3] && words[3] <= kArena &&
      words[3] % kPage == 0) {
    return static_cast<std::size_t>(std::min<std::uint64_t>(words[3], limit - page));
  }
  const auto mapped_chunk = [&](std::uint64_t offset, const std::uint64_t* header) -> std::size_t {
    const std::uint64_t size = header[1] & ~std::uint64_t{7};
    if (header[0] != offset || (header[1] & 7) != 2 || (offset + size) % kPage != 0) return 0;
    return size != 0 && offset + size <= limit - page ? static_cast<std::size_t>(offset + size) : 0;
  };
  if (const std::size_t size = mapped_chunk(0, words)) return size;
  // An aligned block leaves room before its header: that of Holdfast's own large samples is a page.
  constexpr std::uint64_t kLead = kPage - 16;
  if (!read_memory(page + kLead, words, 16)) return 0;
  return mapped_chunk(kLead, words);
}

// ---- jemalloc

bool read_stat(const char* name, std::uint64_t& value) noexcept {
  using Mallctl = int (*)(const char*, void*, std::size_t*, void*, std::size_t);
  static const auto mallctl = look_up<Mallctl>("mallctl");
  if (mallctl == nullptr) return false;
  std::size_t number = 0, size = sizeof(number);
  if (mallctl(name, &number, &size, nullptr, 0) != 0) return false;
  value = number;
  return true;
}

AllocatorUse jemalloc_use() noexcept {
  using Mallctl = int (*)(const char*, void*, std::size_t*, void*, std::size_t);
  static const auto mallctl = look_up<Mallctl>("mallctl");
  if (mallctl == nullptr) return {};
  std::uint64_t epoch = 1;
  mallctl("epoch", nullptr, nullptr, &epoch, sizeof(epoch));
  std::uint64_t allocated = 0, resident = 0, metadata = 0, cached = 0;
  if (!read_stat("stats.allocated", allocated) || !read_stat("stats.resident", resident)) return {};
  read_stat("stats.metadata", metadata);
  read_stat("stats.arenas.4096.tcache_bytes", cached);  // MALLCTL_ARENAS_ALL; in `allocated`, but with nobody
  allocated = less(allocated, cached);
  return {true, allocated, less(less(resident, metadata), allocated), metadata};
}

// ---- gperftools

bool read_property(const char* name, std::uint64_t& value) noexcept {
  using GetProperty = int (*)(const char*, std::size_t*);
  static const auto get = look_up<GetProperty>("MallocExtension_GetNumericProperty");
  std::size_t number = 0;
  if (get == nullptr || get(name, &number) == 0) return false;
  value = number;
  return true;
}

AllocatorUse tcmalloc_use() noexcept {
  std::uint64_t allocated = 0, heap = 0, physical = 0, unmapped = 0;
  if (!read_property("generic.current_allocated_bytes", allocated) ||
      !read_property("generic.heap_size", heap))
    return {};
  read_property("tcmalloc.pageheap_unmapped_bytes", unmapped);
  const std::uint64_t mapped = less(heap, unmapped);
  const std::uint64_t metadata =
      read_property("generic.total_physical_bytes", physical) ? less(physical, mapped) : 0;
  return {true, allocated, less(mapped, allocated), metadata};
}

std::size_t tcmalloc_owned_from(std::uintptr_t page, std::uintptr_t limit) noexcept {
  using GetOwnership = int (*)(const void*);
  static const auto ownership = look_up<GetOwnership>("MallocExtension_GetOwnership");
  constexpr int kOwned = 1;  // malloc_extension_c.h
  return ownership != nullptr && ownership(reinterpret_cast<const void*>(page)) == kOwned ? limit - page : 0;
}

// jemalloc's and gperftools' alike.
std::size_t nallocx_size(std::size_t size) noexcept {
  using Nallocx = std::size_t (*)(std::size_t, int);
  static const auto nallocx = look_up<Nallocx>("nallocx");
  const std::size_t good = nallocx == nullptr || size == 0 ? size : nallocx(size, 0);
  return good == 0 ? size : good;
}

}  // namespace

record::AllocatorQuestions allocator_questions() noexcept {
  switch (behind()) {
    case Allocator::glibc:
      return {glibc_use, glibc_size, glibc_owned_from};
    case Allocator::jemalloc:
      // Not by arenas.lookup: it follows what another thread may be freeing, and crashes then.
      return {jemalloc_use, nallocx_size, nullptr};
    case Allocator::tcmalloc:
      return {tcmalloc_use, nallocx_size, tcmalloc_owned_from};
    case Allocator::mimalloc:
    case Allocator::unknown:
      break;
  }
  return {};
}

}  // namespace holdfast::hook
