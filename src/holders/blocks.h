// What the search knows of heap blocks: which one an address lies in. Implemented over the recorder's tables,
// over chunk walks and start maps, and by tests. Called in the helper: noexcept, no allocation, no locks;
// what is returned may be stale, and is verified.
#pragma once

#include <cstddef>
#include <cstdint>

namespace holdfast::holders {

inline constexpr std::uint32_t kNoSite = 0xffffffffu;

struct Block {
  std::uintptr_t start = 0;
  std::size_t size = 0;          // bytes asked for, or usable where only that is known
  std::uint32_t site = kNoSite;  // record::SiteId, or kNoSite
  bool is_certain = true;        // false when its bounds are a guess
};

class Blocks {
 public:
  // The live block around an address; false when there is none, or none is known.
  virtual bool find(std::uintptr_t address, Block& block) const noexcept = 0;

 protected:
  ~Blocks() = default;
};

// Any block's sorted table: what tests use, and what is left of a walk.
class BlockTable final : public Blocks {
 public:
  // `blocks` ascending and disjoint; must outlive this.
  BlockTable(const Block* blocks, std::size_t count) noexcept : blocks_(blocks), count_(count) {}

  bool find(std::uintptr_t address, Block& block) const noexcept override {
    std::size_t low = 0;
    std::size_t high = count_;
    while (low < high) {
      const std::size_t middle = (low + high) / 2;
      (blocks_[middle].start <= address ? low : high) =
          blocks_[middle].start <= address ? middle + 1 : middle;
    }
    if (low == 0) return false;
    const Block& below = blocks_[low - 1];
    if (address - below.start >= (below.size == 0 ? 1 : below.size)) return false;
    block = below;
    return true;
  }

 private:
  const Block* blocks_;
  std::size_t count_;
};

}  // namespace holdfast::holders
