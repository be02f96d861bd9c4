// Where exact mode can keep what it knows of a small block: a slot of the region, with the region as the
// allocator, or a footer behind a block of the real allocator. Both with the same facts (site, size, birth,
// thread) and a check on free, and without the rest of exact mode
// (docs/decisions/0002-exact-mode-in-the-region.md).
#include <benchmark/benchmark.h>
#include <malloc.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "base/spin_lock.h"
#include "program.h"
#include "record/region.h"

namespace {

using holdfast::record::Region;
using holdfast::record::SiteId;
using holdfast::record::Slot;
using holdfast::record::SlotState;
using holdfast::record::Span;

std::size_t next_size(std::uint64_t& state) {
  state = state * 6364136223846793005ull + 1442695040888963407ull;
  return 16 + (state >> 40) % 241;
}

class InRegion {
 public:
  InRegion() { region_.reserve(); }
  void* take(std::size_t size) {
    const int c = holdfast::record::size_class(size);
    const holdfast::base::SpinGuard guard(lock_);
    Span*& span = spans_[static_cast<std::size_t>(c)];
    if (span == nullptr || span->full()) span = region_.take_span(c, 0);
    if (span == nullptr) std::abort();
    const std::uint32_t i = span->take();
    Slot& slot = span->slots[i];
    slot.birth_ns = 1;
    slot.site = SiteId{7};
    slot.thread = 3;
    slot.size = static_cast<std::uint16_t>(size);
    slot.interval_id = 0;
    slot.state = SlotState::live;
    return span->slot_address(i);
  }
  void give(void* p) {
    const auto address = reinterpret_cast<std::uintptr_t>(p);
    Span* span = region_.span_of(address);
    const holdfast::base::SpinGuard guard(lock_);
    const std::uint32_t i = span->slot_index(address);
    if (span->slot_address(i) != p || span->slots[i].state != SlotState::live) std::abort();
    span->give(i);
  }

 private:
  Region region_;
  holdfast::base::SpinLock lock_;
  Span* spans_[holdfast::record::kSizeClasses] = {};
};

struct Footer {
  std::uint64_t birth_ns;
  std::uint32_t site;
  std::uint32_t thread;
  std::uint32_t size;
  std::uint32_t check;
};

class WithFooter {
 public:
  void* take(std::size_t size) {
    auto* block = static_cast<char*>(std::malloc(size + sizeof(Footer)));
    if (block == nullptr) std::abort();
    const Footer footer{1, 7, 3, static_cast<std::uint32_t>(size), check_of(block)};
    std::memcpy(end_of(block), &footer, sizeof footer);
    return block;
  }
  void give(void* p) {
    Footer footer;
    std::memcpy(&footer, end_of(static_cast<char*>(p)), sizeof footer);
    if (footer.check != check_of(p)) std::abort();
    footer.check = 0;
    std::memcpy(end_of(static_cast<char*>(p)), &footer, sizeof footer);
    std::free(p);
  }

 private:
  static char* end_of(char* block) { return block + malloc_usable_size(block) - sizeof(Footer); }
  static std::uint32_t check_of(const void* p) {
    return static_cast<std::uint32_t>(reinterpret_cast<std::uintptr_t>(p) * 0x9e3779b97f4a7c15ull >> 32);
  }
};

template <typename Way>
void pair(benchmark::State& state) {
  const auto way = std::make_unique<Way>();
  const bench::ParkedThread parked;
  std::uint64_t random = 1;
  std::vector<void*> blocks(static_cast<std::size_t>(state.range(0)));
  for (void*& p : blocks) p = way->take(next_size(random));
  for (auto _ : state) {
    void*& p = blocks[(random >> 20) % blocks.size()];
    way->give(p);
    p = way->take(next_size(random));
    *static_cast<char*>(p) = 1;
  }
  for (void* p : blocks) way->give(p);
}

BENCHMARK(pair<InRegion>)->Name("slot of the region")->Arg(1)->Arg(1000)->Arg(100'000);
BENCHMARK(pair<WithFooter>)->Name("footer")->Arg(1)->Arg(1000)->Arg(100'000);

}  // namespace
