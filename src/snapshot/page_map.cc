#include "snapshot/page_map.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace holdfast::snapshot {

PageMap::PageMap() : fd_(::open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC)), entries_(kBatch) {}

PageMap::~PageMap() {
  if (fd_ >= 0) ::close(fd_);
}

std::size_t PageMap::read(std::uint64_t page, std::uint64_t pages) {
  const std::size_t wanted =
      static_cast<std::size_t>(std::min<std::uint64_t>(pages, kBatch)) * sizeof(std::uint64_t);
  for (;;) {
    const ssize_t got =
        ::pread(fd_, entries_.data(), wanted, static_cast<off_t>(page * sizeof(std::uint64_t)));
    if (got < 0 && errno == EINTR) continue;
    return got <= 0 ? 0 : static_cast<std::size_t>(got) / sizeof(std::uint64_t);
  }
}

}  // namespace holdfast::snapshot
