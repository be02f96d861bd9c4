// Tells in a few instructions that a word cannot point at any target: a range of addresses, then one bit per
// hashed page. On mapped pages of one size; when it fills up, more words pass and cost a look-up. One thread.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/raw_memory.h"
#include "holders/blocks.h"

namespace holdfast::holders {

class PageFilter {
 public:
  PageFilter() = default;
  PageFilter(const PageFilter&) = delete;
  PageFilter& operator=(const PageFilter&) = delete;
  ~PageFilter() { base::unmap_pages(bits_, kBits / 8); }

  bool reserve() noexcept {
    bits_ = static_cast<std::uint64_t*>(base::map_pages(kBits / 8));
    return bits_ != nullptr;
  }

  void add(const Block& block) noexcept {
    const std::uintptr_t last = block.start + (block.size == 0 ? 0 : block.size - 1);
    if (block.start < low_) low_ = block.start;
    if (last > high_) high_ = last;
    span_ = high_ - low_ + 1;
    for (std::uintptr_t page = block.start >> kPageShift; page <= last >> kPageShift; ++page) {
      const std::size_t bit = bit_of(page);
      bits_[bit / 64] |= std::uint64_t{1} << (bit % 64);
    }
  }

  std::uintptr_t low() const noexcept { return low_; }
  std::uintptr_t span() const noexcept { return span_; }
  // For a word with word - low() < span().
  bool test(std::uintptr_t word) const noexcept {
    const std::size_t bit = bit_of(word >> kPageShift);
    return (bits_[bit / 64] >> (bit % 64) & 1) != 0;
  }

 private:
  static constexpr int kPageShift = 12;
  static constexpr int kBitsShift = 22;  // 512 KiB
  static constexpr std::size_t kBits = std::size_t{1} << kBitsShift;
  static std::size_t bit_of(std::uintptr_t page) noexcept {
    return page * 0x9e3779b97f4a7c15ull >> (64 - kBitsShift);
  }

  std::uint64_t* bits_ = nullptr;
  std::uintptr_t low_ = ~std::uintptr_t{0};
  std::uintptr_t high_ = 0;
  std::uintptr_t span_ = 0;
};

}  // namespace holdfast::holders
