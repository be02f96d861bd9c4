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

class Sorter {
 public:
  Sorter(const KnownMemory& known, std::vector<AddressRange> stacks,
         const record::AllocatorQuestions& questions, Resident& out)
      : region_(known.region),
        tables_(known.tables),
        variables_(known.variables),
        stacks_(std::move(stacks)),
        questions_(questions),
        out_(out) {}

  bool add(const Mapped& m) {
    const std::uint64_t pages = (m.range.limit - m.range.start) / kPageBytes;
    const bool is_file = m.inode != 0 || m.path.starts_with('/');
    if (!m.is_private || (!m.is_readable && !m.is_writable) || pages > pages_left_) return true;
    pages_left_ -= pages;
    if (is_file) return add_to(out_.data, m);
    if (m.path == "[stack]") return add_to(out_.stacks, m);
    if (m.path == "[heap]") return add_to(out_.heap, m);
    return !is_plain_memory(m) || add_plain(m);
  }

 private:
  bool add_to(std::uint64_t& kind, const Mapped& m) {
    return pages_.each_page(m.range.start, m.range.limit, [&](std::uint64_t, const PageState& page) {
      if (page.is_anonymous) kind += kPageBytes;
    });
  }

  bool add_plain(const Mapped& m) {
    std::uint64_t owned_until = 0;
    return pages_.each_page(m.range.start, m.range.limit, [&](std::uint64_t address, const PageState& page) {
      if (page.is_anonymous) kind_of(address, m.range.limit, owned_until) += kPageBytes;
    });
  }

  std::uint64_t& kind_of(std::uint64_t address, std::uint64_t limit, std::uint64_t& owned_until) {
    if (address - region_.start < region_.limit - region_.start) return out_.region;
    if (tables_.holds(address)) return out_.tables;
    if (variables_.holds(address)) return out_.data;
    if (stacks_.holds(address)) return out_.stacks;
    if (address >= owned_until && probes_left_ > 0 && questions_.owned_from != nullptr) {
      --probes_left_;
      const std::size_t bytes =
          questions_.owned_from(static_cast<std::uintptr_t>(address), static_cast<std::uintptr_t>(limit));
      if (bytes > 0) owned_until = address + bytes;
    }
    return address < owned_until ? out_.heap : out_.other;
  }

  PageMap pages_;
  const AddressRange region_;
  Cursor tables_, variables_, stacks_;
  const record::AllocatorQuestions& questions_;
  Resident& out_;
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
  return out;
}

}  // namespace holdfast::snapshot
