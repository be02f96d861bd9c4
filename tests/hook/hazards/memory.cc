// Sizes and limits: nothing that the C library promises may change.
#include <malloc.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include <cstdint>
#include <cstdlib>
#include <new>
#include <vector>

#include "hazard.h"

namespace {

using holdfast::hazards::exercise_malloc;

volatile std::size_t g_huge = SIZE_MAX / 2 + 2;

HAZARD(zero_bytes) {
  void* a = std::malloc(0);
  void* b = std::malloc(0);
  EXPECT(a != nullptr && b != nullptr && a != b);
  std::free(a);
  std::free(b);
  std::free(std::calloc(0, 8));
  std::free(std::realloc(nullptr, 0));
  std::free(nullptr);
  ::operator delete(::operator new(0));
}

HAZARD(huge_sizes_and_overflow) {
  for (const std::size_t size : {std::size_t{g_huge}, SIZE_MAX, SIZE_MAX - 4095}) {
    errno = 0;
    EXPECT(std::malloc(size) == nullptr && errno == ENOMEM);
    EXPECT(::operator new(size, std::nothrow) == nullptr);
    void* p = nullptr;
    EXPECT(posix_memalign(&p, 64, size) == ENOMEM);
  }
  // gperftools leaves errno alone here.
  EXPECT(std::calloc(g_huge, 2) == nullptr);
  EXPECT(reallocarray(nullptr, g_huge, 2) == nullptr);
  char* kept = static_cast<char*>(std::malloc(100));
  kept[99] = 'k';
  EXPECT(std::realloc(kept, g_huge) == nullptr && kept[99] == 'k');
  std::free(kept);
}

int g_asked = 0;

HAZARD(the_new_handler_and_bad_alloc) {
  std::set_new_handler([] {
    if (++g_asked == 3) std::set_new_handler(nullptr);
  });
  bool thrown = false;
  try {
    (void)::operator new(g_huge / 2);
  } catch (const std::bad_alloc&) {
    thrown = true;
  }
  EXPECT(thrown && g_asked == 3);
  thrown = false;
  try {
    std::vector<int> v(std::size_t{1} << 60);
  } catch (const std::bad_alloc&) {
    thrown = true;
  }
  EXPECT(thrown);
}

HAZARD(alignments) {
  for (std::size_t alignment = 8; alignment <= (1u << 21); alignment *= 2) {
    for (const std::size_t size :
         {std::size_t{0}, std::size_t{1}, alignment - 1, alignment + 1, std::size_t{40'000}}) {
      for (void* p : {memalign(alignment, size), aligned_alloc(alignment, size)}) {
        // jemalloc does not align what has no bytes.
        EXPECT(p != nullptr && (size == 0 || reinterpret_cast<std::uintptr_t>(p) % alignment == 0));
        std::memset(p, 1, size);
        p = std::realloc(p, size + 100);  // keeps its bytes, not its alignment
        EXPECT(p != nullptr && (size == 0 || static_cast<char*>(p)[size - 1] == 1));
        std::free(p);
      }
    }
  }
  void* p = nullptr;
  EXPECT(posix_memalign(&p, 3, 8) == EINVAL && posix_memalign(&p, 4, 8) == EINVAL && p == nullptr);
  for (int i = 0; i < 100; ++i) {
    void* page = valloc(10);
    EXPECT(reinterpret_cast<std::uintptr_t>(page) % 4096 == 0);
    std::free(page);  // pvalloc: jemalloc has none, and cannot free glibc's
  }
}

HAZARD(realloc_across_every_border) {
  constexpr std::size_t kSizes[] = {1,      100,    4000,    32'767,  32'768,  32'769,    50'000,
                                    65'536, 70'000, 131'072, 200'000, 1 << 20, 5'000'000, 40'000'000};
  for (const std::size_t from : kSizes) {
    for (const std::size_t to : kSizes) {
      auto* p = static_cast<unsigned char*>(std::malloc(from));
      EXPECT(p != nullptr);
      p[0] = 1;
      p[from / 2] = 2;
      p[from - 1] = 3;
      p = static_cast<unsigned char*>(std::realloc(p, to));
      EXPECT(p != nullptr);
      if (from <= to) EXPECT(p[from - 1] == 3);
      if (from > 2 && to > from / 2) EXPECT(p[0] == 1 && p[from / 2] == 2);
      std::free(p);
    }
  }
}

// Until no more comes; what was had is given back, and then all goes on.
void allocate_until_refused(std::size_t size) {
  std::vector<void*> blocks;
  blocks.reserve(1 << 20);
  for (;;) {
    errno = 0;
    void* p = std::malloc(size);
    if (p == nullptr) break;
    std::memset(p, 1, std::min<std::size_t>(size, 64));
    EXPECT(blocks.size() < blocks.capacity());
    blocks.push_back(p);
  }
  EXPECT(errno == ENOMEM);
  // Half of it back, and the other half grows until that is refused too.
  for (std::size_t i = 0; i < blocks.size(); i += 2) {
    std::free(blocks[i]);
    blocks[i] = nullptr;
  }
  for (std::size_t i = 1; i < blocks.size(); i += 2) {
    if (void* p = std::realloc(blocks[i], size * 2)) blocks[i] = p;
  }
  for (void* p : blocks) std::free(p);
}

HAZARD(no_memory_under_a_limit) {
  // As programs set it: what they mean to need, whatever is mapped already.
  rlimit limit{500u << 20, RLIM_INFINITY};
  EXPECT(setrlimit(RLIMIT_AS, &limit) == 0);
  for (const std::size_t size : {1000u, 30'000u, 100'000u, 3'000'000u}) allocate_until_refused(size);
  limit.rlim_cur = RLIM_INFINITY;
  EXPECT(prlimit(0, RLIMIT_AS, &limit, nullptr) == 0);
}

HAZARD(memory_locked_as_it_comes) {
  // Needs the right to; a reserved region must not be filled by it.
  const rlimit limit{RLIM_INFINITY, RLIM_INFINITY};
  setrlimit(RLIMIT_MEMLOCK, &limit);
  const bool locked = mlockall(MCL_CURRENT | MCL_FUTURE) == 0;
  exercise_malloc();
  if (locked) EXPECT(munlockall() == 0);
}

}  // namespace
