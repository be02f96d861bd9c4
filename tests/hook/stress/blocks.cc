// Blocks whose content tells whether they were kept.
#include <malloc.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <new>
#include <stdexcept>

#include "stress.h"

// A function that the checker finds on stacks by its address, with kSiteCode bytes to itself.
#if defined(__clang__)
#define STRESS_SITE [[gnu::noinline, gnu::aligned(4096)]]
#else
#define STRESS_SITE [[gnu::noipa, gnu::aligned(4096)]]
#endif

namespace holdfast::stress {
namespace {

constexpr std::size_t kSlots = 8192;
constexpr std::uint64_t kSiteCode = 4096;
constexpr std::uint64_t kMark = 0x686f6c6466617374ull;

enum class Way : std::uint32_t { malloc, plain_new, aligned_new };

struct Block {
  std::uint64_t mark;
  std::uint64_t size;
  Way way;
  std::uint32_t alignment;
  unsigned char rest[8];  // to the block's end
};

std::array<std::atomic<Block*>, kSlots> g_slots;
std::atomic<std::int64_t> g_objects{0}, g_bytes{0};

void count(std::int64_t objects, std::uint64_t bytes) {
  g_objects.fetch_add(objects, std::memory_order_relaxed);
  g_bytes.fetch_add(objects * static_cast<std::int64_t>(bytes), std::memory_order_relaxed);
}

unsigned char pattern(std::uint64_t size) { return static_cast<unsigned char>(size * 31 + 7); }
std::size_t rest_bytes(std::uint64_t size) { return size - offsetof(Block, rest); }
std::size_t edge(std::uint64_t size) { return std::min<std::size_t>(rest_bytes(size), 64); }

void fill(Block* b, std::uint64_t size, Way way, std::uint32_t alignment) {
  b->mark = kMark ^ size;
  b->size = size;
  b->way = way;
  b->alignment = alignment;
  std::memset(b->rest, pattern(size), edge(size));
  std::memset(b->rest + rest_bytes(size) - edge(size), pattern(size), edge(size));
}

void verify(const Block* b) {
  if (b->mark != (kMark ^ b->size)) fail("a block lost its mark");
  for (std::size_t i = 0; i < edge(b->size); ++i) {
    if (b->rest[i] != pattern(b->size) || b->rest[rest_bytes(b->size) - 1 - i] != pattern(b->size)) {
      fail("a block lost its bytes");
    }
  }
  if (b->way == Way::malloc && malloc_usable_size(const_cast<Block*>(b)) < b->size)
    fail("a block lost its size");
}

STRESS_SITE Block* take(std::uint64_t size, Dice& dice) {
  void* p = nullptr;
  Way way = Way::malloc;
  std::uint32_t alignment = 16;
  switch (dice.roll(8)) {
    case 0:
      p = std::calloc(size / 8 + 1, 8), size = (size / 8 + 1) * 8;
      break;
    case 1:
      p = ::operator new(size), way = Way::plain_new;
      break;
    case 2:
      p = ::operator new(size, std::nothrow), way = Way::plain_new;
      break;
    case 3:
      alignment = 16u << dice.roll(10);
      p = ::operator new(size, std::align_val_t(alignment)), way = Way::aligned_new;
      break;
    case 4:
      alignment = 16u << dice.roll(10);
      if (posix_memalign(&p, alignment, size) != 0) p = nullptr;
      break;
    default:
      p = std::malloc(size);
  }
  asm volatile("" : : "r"(p) : "memory");
  if (p == nullptr) fail("no memory for a block");
  if (reinterpret_cast<std::uintptr_t>(p) % alignment != 0) fail("a block lost its alignment");
  auto* block = static_cast<Block*>(p);
  fill(block, size, way, alignment);
  count(1, size);
  return block;
}

STRESS_SITE Block* resize(Block* b, std::uint64_t size) {
  count(-1, b->size);
  auto* moved = static_cast<Block*>(std::realloc(b, size));
  asm volatile("" : : "r"(moved) : "memory");
  if (moved == nullptr) fail("no memory for a realloc");
  if (moved->mark != (kMark ^ moved->size)) fail("a realloc lost the block's content");
  fill(moved, size, Way::malloc, 16);
  count(1, size);
  return moved;
}

void give(Block* b) {
  if (b == nullptr) return;
  verify(b);
  const Block was = *b;
  std::memset(b, 0xdd, sizeof *b);
  switch (was.way) {
    case Way::malloc:
      std::free(b);
      break;
    case Way::plain_new:
      ::operator delete(b, was.size);
      break;
    case Way::aligned_new:
      ::operator delete(b, was.size, std::align_val_t(was.alignment));
      break;
  }
  count(-1, was.size);
  g_done.blocks.fetch_add(1, std::memory_order_relaxed);
}

// Mostly small, sometimes at the border of the region, rarely large.
std::uint64_t some_size(Dice& dice) {
  switch (dice.roll(32)) {
    case 0:
      return 32'768 - 4 + dice.roll(9);
    case 1:
      return 1000 + dice.roll(100'000);
    case 2:
      return dice.roll(8) == 0 ? 1 + dice.roll(2'000'000) + sizeof(Block) : 5000;
    default:
      return sizeof(Block) + dice.roll(dice.roll(4) == 0 ? 3000 : 200);
  }
}

STRESS_SITE void throw_through(int depth) {
  const std::string local(static_cast<std::size_t>(depth) * 10, 'x');
  if (depth == 0) throw std::runtime_error("thrown under stress");
  throw_through(depth - 1);
  asm volatile("" : : "r"(local.data()) : "memory");
}

void throw_and_catch() {
  const Allocating guard;
  try {
    throw_through(12);
  } catch (const std::runtime_error&) {
    g_done.throws.fetch_add(1, std::memory_order_relaxed);
  }
}

}  // namespace

void churn_blocks(const Load& load, std::uint64_t seed) {
  const SignalTarget target;
  Dice dice(seed);
  while (!load.over()) {
    for (int i = 0; i < 500; ++i) {
      const Allocating guard;
      std::atomic<Block*>& slot = g_slots[dice.roll(kSlots)];
      Block* b = slot.exchange(nullptr, std::memory_order_acq_rel);
      if (b != nullptr && b->way == Way::malloc && dice.roll(3) == 0) {
        verify(b);
        b = resize(b, some_size(dice));
      } else {
        give(b);
        b = take(some_size(dice), dice);
      }
      give(slot.exchange(b, std::memory_order_acq_rel));
      std::free(std::malloc(dice.roll(16)));
    }
    throw_and_catch();
  }
}

void free_some_blocks(Dice& dice) {
  const Allocating guard;
  for (int i = 0; i < 20; ++i) give(g_slots[dice.roll(kSlots)].exchange(nullptr, std::memory_order_acq_rel));
  for (int i = 0; i < 20; ++i) give(take(some_size(dice), dice));
}

void free_all_blocks() {
  for (std::atomic<Block*>& slot : g_slots) give(slot.exchange(nullptr, std::memory_order_acq_rel));
}

Live known_live() { return {g_objects.load(), g_bytes.load()}; }

bool takes_blocks(std::uint64_t pc) {
  for (const void* function :
       {reinterpret_cast<const void*>(&take), reinterpret_cast<const void*>(&resize)}) {
    if (pc - reinterpret_cast<std::uintptr_t>(function) < kSiteCode) return true;
  }
  return false;
}

}  // namespace holdfast::stress
