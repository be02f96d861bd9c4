// Which labels have been seen on samples: key and value -> pair, pairs -> LabelSetId, insert-only and
// bounded, so that a program that labels every request anew does not make the profiler grow. Look-ups take no
// lock; what is new takes one. Called inside malloc on any thread: noexcept, allocates only mapped pages.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/raw_memory.h"
#include "base/shared.h"
#include "base/spin_lock.h"

namespace holdfast::record {

// A set of labels, in force together when a block was sampled.
enum class LabelSetId : std::uint32_t { none = 0 };
constexpr std::uint32_t index(LabelSetId id) noexcept { return static_cast<std::uint32_t>(id); }

struct LabelText {
  std::string_view key;
  std::string_view value;
};

class HOLDFAST_SHARED LabelTable {
 public:
  static constexpr std::uint32_t kMaxKeys = 16;
  static constexpr std::uint32_t kMaxValues = 1000;  // of one key, the most that set_max_values() grants
  static constexpr std::uint32_t kMaxSets = 16'384;
  static constexpr std::uint32_t kSetLabels = 8;
  static constexpr std::size_t kKeyBytes = 40;
  static constexpr std::size_t kValueBytes = 120;
  // What stands for all the values of a key beyond its limit.
  static constexpr std::string_view kOther = "(other)";

  // The set of these labels, innermost first: of two with one key the first counts, and those beyond
  // kSetLabels are left out. Values beyond a key's limit become kOther, as do all of a set's when the sets
  // are too many; keys beyond kMaxKeys are left out. folded() counts the calls in which something was. none
  // when nothing is left, or for want of memory.
  LabelSetId intern(const LabelText* labels, std::uint32_t count) noexcept;

  // How many values of a key are told apart, from now on.
  void set_max_values(std::uint32_t values) noexcept;

  // Calls visit(key, value) for each label of a set that intern() has given; the texts stay.
  template <typename Visit>
  void each(LabelSetId id, Visit visit) const {
    const Set* set = id == LabelSetId::none ? nullptr : sets_.at(index(id));
    if (set == nullptr) return;
    for (std::uint32_t i = 0; i < set->count; ++i) {
      const Pair* pair = pairs_.at(set->pairs[i]);
      visit(keys_[pair->key].view(), std::string_view(pair->value, pair->value_size));
    }
  }

  std::uint64_t folded() const noexcept { return folded_.load(std::memory_order_relaxed); }
  base::SpinLock& lock() noexcept { return lock_; }  // for fork

 private:
  struct Key {
    char text[kKeyBytes];
    std::uint8_t size;
    std::uint32_t values;              // told apart, under the lock
    std::atomic<std::uint32_t> other;  // pair of kOther once the values are too many; 0 before
    std::string_view view() const noexcept { return {text, size}; }
  };
  struct Pair {
    std::uint64_t hash;
    std::uint32_t next;  // of the bucket's chain
    std::uint8_t key;
    std::uint8_t value_size;
    char value[kValueBytes];
  };
  struct Set {
    std::uint64_t hash;
    std::uint32_t next;
    std::uint32_t count;
    std::uint32_t pairs[kSetLabels];  // ascending
  };
  struct Draft {
    std::uint32_t count = 0;
    std::uint32_t pairs[kSetLabels];
    std::uint8_t keys[kSetLabels];
  };
  enum class Access { look, enter };  // without the lock; under it

  // kMaxKeys, or 0, where there is none.
  std::uint32_t key_of(std::string_view text, Access access) noexcept;
  std::uint32_t pair_of(std::uint32_t key, std::string_view value, Access access, bool& folded) noexcept;
  std::uint32_t enter_pair(std::uint32_t key, std::string_view value, std::uint64_t hash) noexcept;
  std::uint32_t set_of(const Draft& draft, std::uint32_t limit, Access access) noexcept;
  std::uint32_t find(const LabelText* labels, std::uint32_t count, Access access, bool& folded) noexcept;

  static constexpr std::uint32_t kPairBuckets = 1024;
  static constexpr std::uint32_t kSetBuckets = 4096;
  // The last ones are for sets of nothing but kOther.
  static constexpr std::uint32_t kSpareSets = 256;

  base::SpinLock lock_;
  std::atomic<std::uint32_t> max_values_{100};
  std::atomic<std::uint64_t> folded_{0};
  std::atomic<std::uint32_t> key_count_{0};
  std::uint32_t pair_count_ = 1;  // index 0 is none; under the lock
  std::uint32_t set_count_ = 1;
  std::atomic<bool> sets_full_{false};
  Key keys_[kMaxKeys] = {};
  base::ChunkedArray<Pair, 64, kMaxKeys*(kMaxValues + 24) / 64> pairs_;
  base::ChunkedArray<Set, 256, kMaxSets / 256> sets_;
  std::atomic<std::uint32_t> pair_heads_[kPairBuckets] = {};
  std::atomic<std::uint32_t> set_heads_[kSetBuckets] = {};
};

}  // namespace holdfast::record
