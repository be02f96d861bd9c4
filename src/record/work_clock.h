// How much work the program had done by which moment: requests it counted, or bytes it allocated where it counts nothing.
// A bounded curve that halves its resolution when it is full. noexcept, allocation-free, any thread.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "base/shared.h"
#include "base/spin_lock.h"

namespace holdfast::record {

class HOLDFAST_SHARED WorkClock {
 public:
  static constexpr std::size_t kPoints = 256;

  struct Point {
    std::int64_t time_ns;
    double work;   // units counted by add()
    double bytes;  // estimated bytes allocated
  };

  // A few nanoseconds: one relaxed addition on a counter that few threads share.
  void add(std::uint64_t n) noexcept;
  double work() const noexcept;

  // Bytes an allocation stands for.
  void add_bytes(double bytes) noexcept;
  double bytes() const noexcept;

  // Whether a point is due. One relaxed load.
  bool due(std::int64_t now_ns) const noexcept { return now_ns >= next_ns_.load(std::memory_order_relaxed); }
  // Adds a point if one is due and nobody else is at it.
  void tick(std::int64_t now_ns) noexcept;
  // Copies the curve, oldest first, with a last point for `now_ns`; returns how many (at most kPoints + 1).
  std::size_t read(std::int64_t now_ns, std::array<Point, kPoints + 1>& out) noexcept;

  base::SpinLock& lock() noexcept { return lock_; }  // for fork

 private:
  static constexpr int kCells = 16;
  struct alignas(64) Cell {
    std::atomic<std::uint64_t> work{0};
    std::atomic<double> bytes{0};
  };
  static int cell() noexcept;

  std::array<Cell, kCells> cells_;
  std::atomic<std::int64_t> next_ns_{0};
  base::SpinLock lock_;
  std::int64_t step_ns_ = 10'000'000;
  std::size_t count_ = 0;
  std::array<Point, kPoints> points_ = {};
};

}  // namespace holdfast::record
