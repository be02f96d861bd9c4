#include "record/work_clock.h"

#include "record/thread_state.h"

namespace holdfast::record {

int WorkClock::cell() noexcept { return t_state.shard % kCells; }

void WorkClock::add(std::uint64_t n) noexcept {
  cells_[static_cast<std::size_t>(cell())].work.fetch_add(n, std::memory_order_relaxed);
}

double WorkClock::work() const noexcept {
  double sum = 0;
  for (const Cell& c : cells_) sum += static_cast<double>(c.work.load(std::memory_order_relaxed));
  return sum;
}

void WorkClock::add_bytes(double bytes) noexcept {
  // Plain load and store: threads of one cell may lose an addition to each other, which a curve of work can bear.
  std::atomic<double>& sum = cells_[static_cast<std::size_t>(cell())].bytes;
  sum.store(sum.load(std::memory_order_relaxed) + bytes, std::memory_order_relaxed);
}

double WorkClock::bytes() const noexcept {
  double sum = 0;
  for (const Cell& c : cells_) sum += c.bytes.load(std::memory_order_relaxed);
  return sum;
}

void WorkClock::tick(std::int64_t now_ns) noexcept {
  if (!due(now_ns) || !lock_.try_lock()) return;
  if (due(now_ns)) {
    if (count_ == kPoints) {
      for (std::size_t i = 1; i < kPoints / 2; ++i) points_[i] = points_[2 * i];
      count_ = kPoints / 2;
      step_ns_ *= 2;
    }
    points_[count_++] = {now_ns, work(), bytes()};
    next_ns_.store(now_ns + step_ns_, std::memory_order_relaxed);
  }
  lock_.unlock();
}

std::size_t WorkClock::read(std::int64_t now_ns, std::array<Point, kPoints + 1>& out) noexcept {
  std::size_t count = 0;
  const base::SpinGuard guard(lock_);
  if (guard) {
    for (; count < count_; ++count) out[count] = points_[count];
  }
  out[count++] = {now_ns, work(), bytes()};
  return count;
}

}  // namespace holdfast::record
