// The allocator behind the hook: whichever malloc the program would have had without Holdfast. Found at the first
// allocation by dlsym(RTLD_NEXT), which may itself allocate: until then a few static blocks serve.
// Any thread; noexcept except that `operator new` of the C++ library throws as it does.
#pragma once

#include <cstddef>

#include "base/shared.h"

namespace holdfast::hook {

// Read on every allocation, written once: a cache line that nothing else is written to. noexcept in the
// types, or a call from our noexcept functions could not be a plain jump.
struct alignas(64) RealAllocator {
  void* (*malloc)(std::size_t) noexcept;
  void (*free)(void*) noexcept;
  void* (*calloc)(std::size_t, std::size_t) noexcept;
  void* (*realloc)(void*, std::size_t) noexcept;
  void* (*memalign)(std::size_t, std::size_t) noexcept;
  int (*posix_memalign)(void**, std::size_t, std::size_t) noexcept;
  void* (*aligned_alloc)(std::size_t, std::size_t) noexcept;
  std::size_t (*malloc_usable_size)(void*) noexcept;
  // The allocator's own operator new and sized delete where it brings them (tcmalloc, jemalloc): they save a step. Else by
  // way of malloc and free: the C++ library's would come back to our malloc and count twice.
  void* (*fast_new)(std::size_t);
  void (*fast_delete_sized)(void*, std::size_t) noexcept;

  // Absent in some allocators or programs: nullptr.
  void* (*valloc)(std::size_t) noexcept;
  void* (*pvalloc)(std::size_t) noexcept;
  void* (*operator_new)(std::size_t);  // calls the new_handler and throws
  void* (*operator_new_aligned)(std::size_t, std::size_t);
  void (*dallocx)(void*, int) noexcept;  // jemalloc's own interface
  void (*sdallocx)(void*, std::size_t, int) noexcept;
  void* (*rallocx)(void*, std::size_t, int) noexcept;
  std::size_t (*xallocx)(void*, std::size_t, std::size_t, int) noexcept;
  std::size_t (*sallocx)(const void*, int) noexcept;
};
// Hidden: reached without a detour over the global offset table.
extern RealAllocator g_real __attribute__((visibility("hidden")));

// operator new by the real malloc: asks the new_handler and throws as it must. In new_delete.cc.
void* new_by_malloc(std::size_t size);

enum class Allocator { unknown, glibc, tcmalloc, jemalloc, mimalloc };
HOLDFAST_SHARED const char* name(Allocator allocator) noexcept;

// Looks the functions up if that has not happened yet. False in a statically linked program, where there is nothing to
// look up; the first allocation then aborts with a message, as nothing could serve it.
bool resolve() noexcept;

// Which allocator the functions belong to. Ordinary code only; after resolve().
HOLDFAST_SHARED Allocator behind() noexcept;

// The shared object they come from, as the loader names it; "" when unknown.
HOLDFAST_SHARED const char* behind_file() noexcept;

// A block handed out before the real allocator was known; it is never given back.
bool is_bootstrap(const void* p) noexcept;
std::size_t bootstrap_size(const void* p) noexcept;

}  // namespace holdfast::hook
