#include "holders/recorded_new.h"

#include <algorithm>
#include <cstdlib>
#include <mutex>
#include <new>

namespace {

constexpr std::size_t kMaxBlocks = 1 << 20;
struct Known {
  std::uintptr_t start;
  std::size_t size;
};
std::mutex g_mutex;
Known* g_known = nullptr;  // on mapped pages
std::size_t g_count = 0;
thread_local bool t_recording = false;

void note(void* p, std::size_t size) {
  const std::lock_guard lock(g_mutex);
  if (g_known == nullptr || g_count == kMaxBlocks) return;
  g_known[g_count++] = {reinterpret_cast<std::uintptr_t>(p), size};
}

void forget(void* p) {
  const std::lock_guard lock(g_mutex);
  for (std::size_t i = g_count; i-- > 0;) {
    if (g_known[i].start != reinterpret_cast<std::uintptr_t>(p)) continue;
    g_known[i] = g_known[--g_count];
    return;
  }
}

}  // namespace

void* operator new(std::size_t size) {
  void* p = std::malloc(size);
  if (p == nullptr) throw std::bad_alloc();
  if (t_recording) note(p, size);
  return p;
}
void* operator new[](std::size_t size) { return operator new(size); }
void operator delete(void* p) noexcept {
  if (p != nullptr && g_known != nullptr) forget(p);
  std::free(p);
}
void operator delete[](void* p) noexcept { operator delete(p); }
void operator delete(void* p, std::size_t) noexcept { operator delete(p); }
void operator delete[](void* p, std::size_t) noexcept { operator delete(p); }

namespace holdfast::testing {

Recording::Recording() {
  g_known = static_cast<Known*>(base::map_pages(kMaxBlocks * sizeof(Known)));
  t_recording = true;
}

Recording::~Recording() {
  t_recording = false;
  const std::lock_guard lock(g_mutex);
  base::unmap_pages(g_known, kMaxBlocks * sizeof(Known));
  g_known = nullptr;
  g_count = 0;
}

void Recording::read(base::RawVector<holders::Block>& out) const {
  const std::lock_guard lock(g_mutex);
  for (std::size_t i = 0; i < g_count; ++i) {
    out.push_back({g_known[i].start, g_known[i].size, static_cast<std::uint32_t>(g_known[i].size), true});
  }
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.start < b.start; });
}

}  // namespace holdfast::testing
