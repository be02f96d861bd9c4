// Which pages of this process are in memory, from /proc/self/pagemap: about 10 ns a page, and the kernel lets
// other threads map and unmap in between. Quiet thread; allocates once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace holdfast::snapshot {

inline constexpr std::uint64_t kPageBytes = 4096;

struct PageState {
  bool is_present = false;
  bool is_anonymous = false;  // the process' own: not of a file, not shared
  bool is_swapped = false;
};

class PageMap {
 public:
  PageMap();
  PageMap(const PageMap&) = delete;
  PageMap& operator=(const PageMap&) = delete;
  ~PageMap();

  explicit operator bool() const noexcept { return fd_ >= 0; }

  // Calls visit(address, state) for each page of [start, limit), ascending; false when it cannot be read.
  template <typename Visit>
  bool each_page(std::uint64_t start, std::uint64_t limit, Visit visit) {
    for (std::uint64_t at = start / kPageBytes; at < limit / kPageBytes;) {
      const std::size_t count = read(at, limit / kPageBytes - at);
      if (count == 0) return false;
      for (std::size_t i = 0; i < count; ++i) visit((at + i) * kPageBytes, state_of(entries_[i]));
      at += count;
    }
    return true;
  }

 private:
  static constexpr std::size_t kBatch = 8192;
  // Documentation/admin-guide/mm/pagemap.rst of the kernel.
  static PageState state_of(std::uint64_t entry) noexcept {
    const bool present = (entry >> 63 & 1) != 0;
    return {present, present && (entry >> 61 & 1) == 0, (entry >> 62 & 1) != 0};
  }
  std::size_t read(std::uint64_t page, std::uint64_t pages);

  int fd_ = -1;
  std::vector<std::uint64_t> entries_;
};

}  // namespace holdfast::snapshot
