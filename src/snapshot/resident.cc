#include "snapshot/resident.h"

#include <sys/resource.h>

#include <algorithm>
#include <charconv>
#include <string>
#include <string_view>

#include "base/files.h"
#include "snapshot/page_map.h"
#include "snapshot/proc_maps.h"

namespace holdfast::snapshot {
namespace {

constexpr std::uint64_t kLargestGuard = 64 * 1024;
constexpr std::uint64_t kUsualStack = std::uint64_t{8} << 20;
constexpr std::uint64_t kAboveThreadState =
    16 * kPageBytes;  // a thread's control block and its other variables
constexpr std::size_t kMostProbes = 65'536;
constexpr std::uint64_t kMostPages = std::uint64_t{16} << 30 >> 12;  // what lies beyond is taken for the heap

std::uint64_t kilobytes(std::string_view status, std::string_view name) {
  const std::size_t at = status.find(name);
  if (at == std::string_view::npos) return 0;
  status.remove_prefix(at + name.size());
  status.remove_prefix(std::min(status.find_first_of("0123456789"), status.size()));
  std::uint64_t value = 0;
  std::from_chars(status.data(), status.data() + status.size(), value);
  return value * 1024;
}

std::uint64_t stack_limit() {
  rlimit limit;
  if (getrlimit(RLIMIT_STACK, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return kUsualStack;
  return std::max<std::uint64_t>(limit.rlim_cur, kPageBytes);
}

bool is_plain_memory(const Mapped& m) {
  return m.is_private && m.inode == 0 && (m.path.empty() || m.path.starts_with("[anon"));
}

// Ranges in ascending order, asked for ascending addresses.
class Cursor {
 public:
  explicit Cursor(std::vector<AddressRange> ranges) : ranges_(std::move(ranges)) {
    std::ranges::sort(ranges_, {}, &AddressRange::start);
  }
  bool holds(std::uint64_t address) {
    while (at_ < ranges_.size() && ranges_[at_].limit <= address) ++at_;
    return at_ < ranges_.size() && ranges_[at_].start <= address;
  }

 private:
  std::vector<AddressRange> ranges_;
  std::size_t at_ = 0;
};

// glibc maps a thread's stack with a small forbidden guard below it; a stack of another make is known by the
// thread's variables in it.
std::vector<AddressRange> stacks_of(const std::vector<Mapped>& maps, const KnownMemory& known) {
  std::vector<AddressRange> stacks;
  const std::uint64_t longest = stack_limit();
  for (std::size_t i = 0; i < maps.size(); ++i) {
    const Mapped& m = maps[i];
    if (!is_plain_memory(m) || !m.is_writable) continue;
    const auto& [start, limit, offset] = m.range;
    if (i > 0 && is_plain_memory(maps[i - 1]) && !maps[i - 1].is_readable && !maps[i - 1].is_writable &&
        maps[i - 1].range.limit == start && start - maps[i - 1].range.start <= kLargestGuard) {
      stacks.push_back({start, std::min(limit, start + longest)});
      continue;
    }
    std::uint64_t top = 0;
    for (const std::uint64_t address : known.thread_addresses) {
      if (address - start < limit - start) top = std::max(top, address);
    }
    if (top != 0) stacks.push_back({start, std::min(limit, (top & ~(kPageBytes - 1)) + kAboveThreadState)});
  }
  return stacks;
}

// Counts pages by kind. What is known by its address is counted there; of the rest only the memory that is
// not the allocator's is walked, as the allocator's is what is left over: walking a large heap would take
// long.
class Sorter {
 public:
  Sorter(const KnownMemory& known, std::vector<AddressRange> stacks,
         const record::AllocatorQuestions& questions, Resident& out)
      : questions_(questions), out_(out) {
    is_complete_ = count(known.tables, out.tables) && count({known.region}, out.region) &&
                   count(known.variables, out.data) && count(stacks, out.stacks);
    std::vector<AddressRange> all = known.tables;
    all.insert(all.end(), known.variables.begin(), known.variables.end());
    all.insert(all.end(), stacks.begin(), stacks.end());
    all.push_back(known.region);
    known_ = Cursor(std::move(all));
  }

  // False when a page could not be looked at.
  bool add(const Mapped& m) {
    if (!is_complete_) return false;
    if (!m.is_private || (!m.is_readable && !m.is_writable)) return true;
    if (m.inode != 0 || m.path.starts_with('/')) return count({{m.range.start, m.range.limit}}, out_.data);
    if (m.path == "[stack]") return count({{m.range.start, m.range.limit}}, out_.stacks);
    return !is_plain_memory(m) || add_plain(m.range.start, m.range.limit);
  }

 private:
  // Ranges may overlap: what several name is counted once.
  bool count(std::vector<AddressRange> ranges, std::uint64_t& kind) {
    std::ranges::sort(ranges, {}, &AddressRange::start);
    std::uint64_t done = 0;
    for (const AddressRange& range : ranges) {
      const std::uint64_t start = std::max(range.start, done);
      if (start >= range.limit) continue;
      done = range.limit;
      const bool read = pages_.each_page(start, range.limit, [&](std::uint64_t, const PageState& page) {
        if (page.is_anonymous) kind += kPageBytes;
      });
      if (!read) return false;
    }
    return true;
  }

  bool add_plain(std::uint64_t start, std::uint64_t limit) {
    for (std::uint64_t at = start; at < limit;) {
      // In pieces: where the allocator's memory begins inside one, the next begins behind it.
      const std::uint64_t end = std::min(limit, at + kPieceBytes);
      std::uint64_t owned_until = 0;
      if (pages_left_ < kPieceBytes / kPageBytes) return true;
      pages_left_ -= kPieceBytes / kPageBytes;
      const bool read = pages_.each_page(at, end, [&](std::uint64_t address, const PageState& page) {
        if (!page.is_anonymous || known_.holds(address) || address < owned_until) return;
        owned_until = std::max(owned_until, ask(address, limit));
        if (address >= owned_until) out_.other += kPageBytes;
      });
      if (!read) return false;
      at = std::max(end, owned_until & ~(kPageBytes - 1));
    }
    return true;
  }

  // Until where the allocator owns what begins at this page; 0 where it does not.
  std::uint64_t ask(std::uint64_t page, std::uint64_t limit) {
    if (probes_left_ == 0 || questions_.owned_from == nullptr) return 0;
    --probes_left_;
    const std::size_t bytes =
        questions_.owned_from(static_cast<std::uintptr_t>(page), static_cast<std::uintptr_t>(limit));
    return bytes == 0 ? 0 : page + bytes;
  }

  static constexpr std::uint64_t kPieceBytes = 256 * kPageBytes;

  PageMap pages_;
  Cursor known_{{}};
  const record::AllocatorQuestions& questions_;
  Resident& out_;
  bool is_complete_ = false;
  std::size_t probes_left_ = kMostProbes;
  std::uint64_t pages_left_ = kMostPages;
};

}  // namespace

std::optional<Resident> read_resident(const KnownMemory& known, const record::AllocatorQuestions& questions) {
  const Result<std::string> status = base::read_file("/proc/self/status", 1 << 20);
  if (!status) return std::nullopt;
  Resident out;
  out.rss = kilobytes(*status, "VmRSS:");
  out.anonymous = kilobytes(*status, "RssAnon:");
  out.files = kilobytes(*status, "RssFile:");
  out.shared = kilobytes(*status, "RssShmem:");
  if (out.rss == 0) return std::nullopt;

  const std::vector<Mapped> maps = parse_mappings(read_own_maps());
  Sorter sorter(known, stacks_of(maps, known), questions, out);
  out.has_pages = !maps.empty() && std::ranges::all_of(maps, [&](const Mapped& m) { return sorter.add(m); });
  if (questions.owned_from == nullptr && questions.use != nullptr) {
    // Its pages cannot be told from others one by one, but it counts them.
    const record::AllocatorUse use = questions.use();
    out.other -= std::min(out.other, use.allocated + use.free + use.metadata);
  }
  const std::uint64_t told = out.stacks + out.tables + out.region + out.data + out.other;
  out.heap = out.anonymous > told ? out.anonymous - told : 0;
  return out;
}

}  // namespace holdfast::snapshot
