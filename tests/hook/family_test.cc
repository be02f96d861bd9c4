// Every allocation function behaves as the real one does, recorded or not.
#include <dlfcn.h>
#include <gtest/gtest.h>
#include <malloc.h>

#include <cerrno>
#include <climits>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <optional>
#include <string>

#include "hook/recording.h"
#include "hook/slow_path.h"

namespace holdfast::hook {
namespace {

constexpr std::uint64_t kStopped = 0;

class EveryFunction : public testing::TestWithParam<std::uint64_t> {
 protected:
  void SetUp() override {
    if (GetParam() != kStopped) recording_.emplace(GetParam());
  }
  std::optional<Recording> recording_;
};

void fill_and_free(void* p, std::size_t size, std::size_t alignment) {
  ASSERT_NE(p, nullptr);
  ASSERT_EQ(reinterpret_cast<std::uintptr_t>(p) % alignment, 0u);
  std::memset(p, 0x5a, size);
  ASSERT_GE(malloc_usable_size(p), size);
  std::free(p);
}

TEST_P(EveryFunction, HonoursItsAlignment) {
  for (std::size_t alignment = 8; alignment <= 1 << 20; alignment *= 2) {
    for (const std::size_t size : {std::size_t{1}, std::size_t{100}, alignment, alignment * 3, std::size_t{70'000}}) {
      fill_and_free(memalign(alignment, size), size, alignment);
      fill_and_free(aligned_alloc(alignment, size / alignment * alignment + alignment), size, alignment);
      void* p = nullptr;
      ASSERT_EQ(posix_memalign(&p, alignment, size), 0);
      fill_and_free(p, size, alignment);
      const auto wanted = std::align_val_t(alignment);
      p = ::operator new(size, wanted);
      ASSERT_EQ(reinterpret_cast<std::uintptr_t>(p) % alignment, 0u);
      ::operator delete(p, size, wanted);
      p = ::operator new[](size, wanted, std::nothrow);
      ASSERT_NE(p, nullptr);
      ::operator delete[](p, wanted);
    }
  }
  fill_and_free(valloc(100), 100, 4096);
  fill_and_free(pvalloc(100), 4096, 4096);
}

TEST_P(EveryFunction, AcceptsEveryFormOfDelete) {
  for (const std::size_t size : {1, 40, 5000, 100'000}) {
    ::operator delete(::operator new(size));
    ::operator delete(::operator new(size), size);
    ::operator delete(::operator new(size), std::nothrow);
    ::operator delete[](::operator new[](size));
    ::operator delete[](::operator new[](size), size);
    ::operator delete[](::operator new[](size, std::nothrow), std::nothrow);
    ::operator delete(nullptr);
    std::free(nullptr);
  }
}

TEST_P(EveryFunction, CallocGivesZeros) {
  for (const std::size_t size : {1, 16, 500, 20'000, 33'000, 500'000}) {
    for (int round = 0; round < 50; ++round) {
      auto* p = static_cast<unsigned char*>(calloc(2, size));
      ASSERT_NE(p, nullptr);
      for (std::size_t i = 0; i < 2 * size; ++i) ASSERT_EQ(p[i], 0);
      std::memset(p, 0xff, 2 * size);
      std::free(p);
    }
  }
}

TEST_P(EveryFunction, RefusesWhatCannotBe) {
  volatile std::size_t huge = SIZE_MAX / 2 + 2;
  for (const std::size_t size : {static_cast<std::size_t>(huge), SIZE_MAX, SIZE_MAX - 4096, std::size_t{PTRDIFF_MAX}}) {
    errno = 0;
    EXPECT_EQ(std::malloc(size), nullptr);
    EXPECT_EQ(errno, ENOMEM);
    EXPECT_EQ(::operator new(size, std::nothrow), nullptr);
    EXPECT_THROW((void)::operator new(size), std::bad_alloc);
    EXPECT_THROW((void)::operator new(size, std::align_val_t(64)), std::bad_alloc);
  }
  errno = 0;
  EXPECT_EQ(calloc(huge, 2), nullptr);
  EXPECT_EQ(errno, ENOMEM);
  errno = 0;
  EXPECT_EQ(reallocarray(nullptr, huge, 4), nullptr);
  EXPECT_EQ(errno, ENOMEM);
  EXPECT_EQ(pvalloc(SIZE_MAX), nullptr);
  void* p = nullptr;
  EXPECT_EQ(posix_memalign(&p, 24, 100), EINVAL);
  EXPECT_EQ(posix_memalign(&p, 0, 100), EINVAL);
  EXPECT_EQ(posix_memalign(&p, 2, 100), EINVAL);
  EXPECT_EQ(p, nullptr);

  // What was there survives a realloc that cannot be.
  for (const std::size_t size : {std::size_t{100}, std::size_t{100'000}}) {
    char* kept = static_cast<char*>(std::malloc(size));
    std::memset(kept, 'k', size);
    EXPECT_EQ(std::realloc(kept, huge), nullptr);
    EXPECT_EQ(kept[size - 1], 'k');
    std::free(kept);
  }
}

TEST_P(EveryFunction, AsksTheNewHandlerUntilItGivesUp) {
  static int asked = 0;
  asked = 0;
  const std::new_handler before = std::set_new_handler([] {
    if (++asked == 3) throw std::bad_alloc();
  });
  volatile std::size_t huge = SIZE_MAX / 2;
  EXPECT_THROW((void)::operator new(huge), std::bad_alloc);
  EXPECT_EQ(asked, 3);
  std::set_new_handler(before);
}

TEST_P(EveryFunction, GivesZeroBytesAPointerOfTheirOwn) {
  void* a = std::malloc(0);
  void* b = ::operator new(0);
  EXPECT_NE(a, nullptr);
  EXPECT_NE(b, nullptr);
  EXPECT_NE(a, b);
  ::operator delete(b);
  std::free(a);
  void* c = std::realloc(nullptr, 0);
  std::free(c);
  std::free(calloc(0, 0));
}

TEST_P(EveryFunction, KeepsErrno) {
  for (int i = 0; i < 2000; ++i) {
    errno = 4711;
    void* p = std::malloc(static_cast<std::size_t>(i) * 40);
    p = std::realloc(p, static_cast<std::size_t>(i) * 50 + 1);
    std::free(p);
    ASSERT_EQ(errno, 4711);
  }
}

INSTANTIATE_TEST_SUITE_P(In, EveryFunction, testing::Values(kStopped, 1, 64, 4096, 512 * 1024), [](const auto& test) {
  return test.param == kStopped ? std::string("stopped")
         : test.param == 1      ? std::string("exact")
                                : "sampled_at_" + std::to_string(test.param);
});

TEST(TheHook, KnowsTheAllocatorBehindIt) {
  EXPECT_EQ(unseen_allocation(), nullptr);
  // Each allocator has its own program: test_hook_<allocator>.
  const std::string expected = std::string(program_invocation_short_name).substr(std::string("test_hook_").size());
  EXPECT_EQ(name(behind()), expected == "tcmalloc_minimal" ? "tcmalloc" : expected);
}

TEST(TheHookDeathTest, ReportsADoubleFreeOfASampledBlock) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        const Recording recording(record::kExact);
        void* volatile p = std::malloc(100);
        std::free(p);
        std::free(p);
      },
      "holdfast: double free of a sampled block");
  EXPECT_DEATH(
      {
        const Recording recording(record::kExact);
        char* volatile p = static_cast<char*>(std::malloc(100));
        std::free(p + 16);
      },
      "holdfast: invalid free of a sampled block");
}

}  // namespace
}  // namespace holdfast::hook
