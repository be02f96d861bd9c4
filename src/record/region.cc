#include "record/region.h"

#include <sys/mman.h>
#include <sys/resource.h>

#include <algorithm>
#include <cerrno>

namespace holdfast::record {

void Region::reserve() noexcept {
  if (base_ != 0) return;
  std::size_t largest = kLargestRegion;
  rlimit limit;
  if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) {
    largest = std::min<std::size_t>(largest, limit.rlim_cur / kLimitShare) / kCommitBytes * kCommitBytes;
  }
  for (std::size_t size = largest; size >= kCommitBytes; size = size / 4 / kCommitBytes * kCommitBytes) {
    if (void* p = base::reserve_pages(size, kSpanBytes)) {
      base_ = reinterpret_cast<std::uintptr_t>(p);
      size_.store(size, std::memory_order_relaxed);
      reserved_ = size;
      return;
    }
  }
}

std::size_t Region::end_growth() noexcept {
  const base::SpinGuard guard(lock_);
  if (guard) size_.store(committed_, std::memory_order_release);
  return size();
}

void Region::unreserve() noexcept {
  const base::SpinGuard guard(lock_);
  if (!guard || reserved_ == size()) return;
  base::unreserve_pages(reinterpret_cast<void*>(base_ + size()), reserved_ - size());
  reserved_ = size();
}

Span* Region::take_span(int size_class, std::uint16_t shard) noexcept {
  const base::SpinGuard guard(lock_);
  if (!guard) return nullptr;
  Span* span = free_spans_;
  if (span != nullptr) {
    free_spans_ = span->next;
  } else {
    const std::uint32_t i = span_count_.load(std::memory_order_relaxed);
    const std::size_t end = (std::size_t{i} + 1) * kSpanBytes;
    if (end > size()) return nullptr;
    if (end > committed_) {
      if (!base::commit_pages(reinterpret_cast<void*>(base_ + committed_), kCommitBytes)) return nullptr;
      committed_ += kCommitBytes;
    }
    span = spans_.at_grow(i);
    if (span == nullptr) return nullptr;
    span->base = reinterpret_cast<char*>(base_ + std::size_t{i} * kSpanBytes);
    span_count_.store(i + 1, std::memory_order_release);
  }
  span->slot_bytes = class_bytes(size_class);
  span->reciprocal = ((std::uint64_t{1} << 40) + span->slot_bytes - 1) / span->slot_bytes;
  span->slot_count = static_cast<std::uint32_t>(kSpanBytes / (span->slot_bytes + sizeof(Slot)));
  span->slots = reinterpret_cast<Slot*>(span->base + kSpanBytes) - span->slot_count;
  span->next = span->previous = nullptr;
  span->free_head = span->touched = span->live = 0;
  span->shard = shard;
  span->size_class = static_cast<std::uint8_t>(size_class);
  span->in_use.store(true, std::memory_order_release);
  bytes_in_use_.fetch_add(kSpanBytes, std::memory_order_relaxed);
  return span;
}

void Region::give_span(Span* span) noexcept {
  const int saved = errno;
  madvise(span->base, kSpanBytes, MADV_DONTNEED);
  errno = saved;
  const base::SpinGuard guard(lock_);
  if (!guard) return;  // the span is lost to reuse, its pages are not
  span->in_use.store(false, std::memory_order_release);
  span->next = free_spans_;
  free_spans_ = span;
  bytes_in_use_.fetch_sub(kSpanBytes, std::memory_order_relaxed);
}

}  // namespace holdfast::record
