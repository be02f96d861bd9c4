#include "snapshot/memory_use.h"

#include <link.h>

#include <algorithm>
#include <cmath>

#include "base/raw_memory.h"
#include "snapshot/cgroup.h"
#include "snapshot/page_map.h"
#include "snapshot/resident.h"

namespace holdfast::snapshot {
namespace {

constexpr std::uint64_t kMostPagesLooked = std::uint64_t{4} << 30 >> 12;

// What a segment has in memory beyond its file, in whole pages: mapped as anonymous memory.
std::vector<AddressRange> zeroed_variables() {
  std::vector<AddressRange> ranges;
  dl_iterate_phdr(
      [](dl_phdr_info* info, std::size_t, void* out) {
        for (int i = 0; i < info->dlpi_phnum; ++i) {
          const ElfW(Phdr)& segment = info->dlpi_phdr[i];
          if (segment.p_type != PT_LOAD || segment.p_memsz <= segment.p_filesz) continue;
          const std::uint64_t start = info->dlpi_addr + segment.p_vaddr;
          static_cast<std::vector<AddressRange>*>(out)->push_back(
              {(start + segment.p_filesz) & ~(kPageBytes - 1),
               (start + segment.p_memsz + kPageBytes - 1) & ~(kPageBytes - 1)});
        }
        return 0;
      },
      &ranges);
  return ranges;
}

// The recorder's, and those of this copy of base/ where a preloaded recorder has its own.
std::vector<AddressRange> own_mappings(record::Recorder& recorder) {
  std::vector<base::MappedRange> mapped(1024);
  std::size_t count = 0;
  for (const bool of_recorder : {true, false}) {
    for (;;) {
      const std::size_t room = mapped.size() - count;
      const std::size_t found = of_recorder ? recorder.own_ranges(mapped.data() + count, room)
                                            : base::mapped_ranges(mapped.data() + count, room);
      if (found <= room) {
        count += found;
        break;
      }
      mapped.resize(count + 2 * found);
    }
  }
  std::vector<AddressRange> ranges;
  for (std::size_t i = 0; i < count; ++i)
    ranges.push_back({mapped[i].start, mapped[i].start + mapped[i].bytes});
  return ranges;
}

KnownMemory known_memory(record::Recorder& recorder) {
  KnownMemory known;
  known.tables = own_mappings(recorder);
  known.variables = zeroed_variables();
  const record::Region& region = recorder.region();
  // Spans are made from the beginning on; what lies behind them was never touched.
  known.region = {region.base(), region.base() + std::uint64_t{region.span_count()} * record::kSpanBytes};
  known.thread_addresses.resize(16'384);
  std::vector<std::uintptr_t> addresses(known.thread_addresses.size());
  addresses.resize(recorder.thread_addresses(addresses.data(), addresses.size()));
  known.thread_addresses.assign(addresses.begin(), addresses.end());
  return known;
}

// Unbiased bytes of whole pages inside live blocks that were never touched.
double untouched_bytes(std::vector<LargeSample>& large) {
  std::ranges::sort(large, std::greater{},
                    [](const LargeSample& s) { return static_cast<double>(s.size) * s.objects; });
  PageMap pages;
  if (!pages) return 0;
  double untouched = 0;
  std::uint64_t pages_left = kMostPagesLooked;
  for (const LargeSample& block : large) {
    const std::uint64_t start = (block.address + kPageBytes - 1) & ~(kPageBytes - 1);
    const std::uint64_t limit = (block.address + block.size) & ~(kPageBytes - 1);
    if (limit <= start) continue;
    if ((limit - start) / kPageBytes > pages_left) break;
    pages_left -= (limit - start) / kPageBytes;
    std::uint64_t absent = 0;
    pages.each_page(start, limit, [&](std::uint64_t, const PageState& page) {
      if (!page.is_present && !page.is_swapped) absent += kPageBytes;
    });
    untouched += static_cast<double>(absent) * block.objects;
  }
  return untouched;
}

std::int64_t whole(double bytes) {
  return std::isfinite(bytes) && std::abs(bytes) < 9e18 ? std::llround(bytes) : 0;
}

// Adds parts until the rest is told.
class Table {
 public:
  explicit Table(std::uint64_t rss) : left_(static_cast<std::int64_t>(rss)) { table_.rss = rss; }
  void part(const char* name, double bytes) {
    table_.parts.push_back({name, whole(bytes)});
    left_ -= whole(bytes);
  }
  void fact(const char* name, double bytes) {
    if (bytes > 0) table_.facts.push_back({name, whole(bytes)});
  }
  profile::MemoryTable finish() {
    table_.parts.push_back({"unexplained", left_});
    return std::move(table_);
  }

 private:
  profile::MemoryTable table_;
  std::int64_t left_;
};

double of(std::uint64_t bytes) { return static_cast<double>(bytes); }

}  // namespace

std::optional<profile::MemoryTable> measure_memory(record::Recorder& recorder, LiveMemory live,
                                                   const record::AllocatorQuestions& questions) {
  const record::AllocatorUse allocator = questions.use == nullptr ? record::AllocatorUse{} : questions.use();
  const std::optional<Resident> resident = read_resident(known_memory(recorder), questions);
  if (!resident) return std::nullopt;
  const double untouched = untouched_bytes(live.large);
  const double other = resident->has_pages ? of(resident->other) : 0;
  const double fixed =
      of(resident->stacks) + of(resident->tables) + of(resident->region) + of(resident->data) + other;
  const double heap =
      resident->has_pages ? of(resident->heap) : std::max(0.0, of(resident->anonymous) - fixed);
  const double recorded = std::max(0.0, live.in_use_bytes - live.region_bytes) + live.rounding_bytes;
  const double allocated = allocator.is_known ? of(allocator.allocated) : recorded;
  const double touched = allocated - untouched;
  const double most_free = allocator.is_known ? of(allocator.free) : heap;
  const double retained = std::clamp(heap - touched, 0.0, most_free);
  const double metadata = std::clamp(heap - touched - retained, 0.0, of(allocator.metadata));

  Table table(resident->rss);
  table.part("in_use", live.in_use_bytes);
  table.part("rounding", live.rounding_bytes);
  table.part("unrecorded", allocated - recorded);
  table.part("untouched", -untouched);
  table.part("retained", retained);
  table.part("metadata", metadata);
  table.part("holdfast", of(resident->tables) + of(resident->region) - live.region_bytes);
  table.part("thread_stacks", of(resident->stacks));
  table.part("files", of(resident->files) + of(resident->data));
  table.part("shared", of(resident->shared));
  table.part("other_anonymous", other);
  table.fact("allocator_allocated", of(allocator.allocated));
  table.fact("allocator_free", of(allocator.free));
  const CgroupMemory cgroup = read_cgroup_memory();
  table.fact("cgroup_limit", of(cgroup.limit));
  table.fact("cgroup_usage", of(cgroup.usage));
  return table.finish();
}

}  // namespace holdfast::snapshot
