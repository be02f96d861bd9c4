#include "holders/probe.h"

#include <pthread.h>

#include "holders/syscalls.h"
#include "holders/threads.h"

namespace holdfast::holders {
namespace {

constexpr std::uintptr_t kPage = 4096;

// tcbhead_t: its first word and its third are its own address.
constexpr std::size_t kSelf = 2;

void find_control_block(const Reader& reader, std::size_t id_offset, Probed& mapping) noexcept {
  std::uint64_t words[2 * kPage / 8];
  const std::uintptr_t bytes =
      sizeof words < mapping.limit - mapping.start ? sizeof words : mapping.limit - mapping.start;
  const std::uintptr_t from = mapping.limit - bytes;
  const std::size_t count = reader.read(from, words, bytes) / 8;
  for (std::size_t i = 0; i + kSelf < count; i += 2) {
    const std::uintptr_t here = from + i * 8;
    if (words[i] != here || words[i + kSelf] != here) continue;
    mapping.control_block = here;
    if (id_offset != 0) reader.get(here + id_offset, mapping.thread);
    return;
  }
}

// heap_info: the arena's address, then the heap before it. An arena's first heap is followed by the arena
// itself.
bool is_heap_of_arena(const Reader& reader, std::uintptr_t start) noexcept {
  std::uint64_t head[3];
  if (start % kHeapAlignment != 0 || !reader.get(start, head)) return false;
  const std::uintptr_t first_heap = head[0] & ~(kHeapAlignment - 1);
  if (head[0] == 0 || head[0] % 16 != 0 || head[0] - first_heap > 128) return false;
  return first_heap == start ? head[1] == 0 : head[1] % kHeapAlignment == 0 && head[1] != 0;
}

}  // namespace

std::size_t thread_id_offset() noexcept {
  const auto id = static_cast<int>(raw_syscall(SYS_gettid));
  const auto* words = reinterpret_cast<const int*>(pthread_self());
  for (std::size_t i = 0x80; i < kControlBlockBytes / sizeof(int); ++i) {
    if (words[i] == id) return i * sizeof(int);
  }
  return 0;
}

void probe(const Reader& reader, std::size_t id_offset, base::RawVector<Probed>& mappings) noexcept {
  for (Probed& mapping : mappings) {
    mapping.is_arena = is_heap_of_arena(reader, mapping.start);
    if (!mapping.is_arena) find_control_block(reader, id_offset, mapping);
  }
}

}  // namespace holdfast::holders
