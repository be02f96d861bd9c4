#include "record/label_table.h"

#include <algorithm>
#include <cstring>

#include "base/random.h"

namespace holdfast::record {
namespace {

std::uint64_t hash_text(std::uint64_t seed, std::string_view text) noexcept {
  std::uint64_t hash = seed ^ 0xcbf29ce484222325ull;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ull;
  return base::mix(hash);
}

bool may_stand_in_key(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.';
}

// A key as every client takes it; the rest of a profile's reader keeps some names to itself, with a colon in
// them.
class CleanKey {
 public:
  explicit CleanKey(std::string_view raw) noexcept : size_(std::min(raw.size(), sizeof(text_))) {
    std::transform(raw.begin(), raw.begin() + static_cast<std::ptrdiff_t>(size_), text_,
                   [](char c) { return may_stand_in_key(c) ? c : '_'; });
    if (size_ > 0 && text_[0] >= '0' && text_[0] <= '9') text_[0] = '_';
  }
  std::string_view view() const noexcept { return {text_, size_}; }

 private:
  char text_[LabelTable::kKeyBytes];
  std::size_t size_;
};

}  // namespace

void LabelTable::set_max_values(std::uint32_t values) noexcept {
  max_values_.store(std::clamp(values, 1u, kMaxValues), std::memory_order_relaxed);
  for (Key& key : keys_) key.other.store(0, std::memory_order_relaxed);
}

std::uint32_t LabelTable::key_of(std::string_view text, Access access) noexcept {
  const CleanKey clean(text);
  const std::uint32_t count = key_count_.load(std::memory_order_acquire);
  for (std::uint32_t i = 0; i < count; ++i) {
    if (keys_[i].view() == clean.view()) return i;
  }
  if (access == Access::look || count == kMaxKeys) return kMaxKeys;
  Key& key = keys_[count];
  key.size = static_cast<std::uint8_t>(clean.view().size());
  std::memcpy(key.text, clean.view().data(), clean.view().size());
  key_count_.store(count + 1, std::memory_order_release);
  return count;
}

std::uint32_t LabelTable::enter_pair(std::uint32_t key, std::string_view value, std::uint64_t hash) noexcept {
  Pair* pair = pairs_.at_grow(pair_count_);
  if (pair == nullptr) return 0;
  std::atomic<std::uint32_t>& head = pair_heads_[hash % kPairBuckets];
  pair->hash = hash;
  pair->key = static_cast<std::uint8_t>(key);
  pair->value_size = static_cast<std::uint8_t>(value.size());
  std::memcpy(pair->value, value.data(), value.size());
  pair->next = head.load(std::memory_order_relaxed);
  head.store(pair_count_, std::memory_order_release);
  return pair_count_++;
}

std::uint32_t LabelTable::pair_of(std::uint32_t key, std::string_view value, Access access,
                                  bool& folded) noexcept {
  value = value.substr(0, kValueBytes);
  const std::uint64_t hash = hash_text(key, value);
  for (std::uint32_t id = pair_heads_[hash % kPairBuckets].load(std::memory_order_acquire); id != 0;) {
    const Pair* pair = pairs_.at(id);
    if (pair->hash == hash && pair->key == key && std::string_view(pair->value, pair->value_size) == value)
      return id;
    id = pair->next;
  }
  Key& owner = keys_[key];
  if (const std::uint32_t other = owner.other.load(std::memory_order_acquire);
      other != 0 && value != kOther) {
    folded = true;
    return other;
  }
  if (access == Access::look) return 0;
  if (value == kOther) return enter_pair(key, value, hash);
  if (owner.values < max_values_.load(std::memory_order_relaxed)) {
    const std::uint32_t id = enter_pair(key, value, hash);
    if (id != 0) ++owner.values;
    return id;
  }
  folded = true;
  const std::uint32_t other = pair_of(key, kOther, access, folded);
  owner.other.store(other, std::memory_order_release);
  return other;
}

std::uint32_t LabelTable::set_of(const Draft& draft, std::uint32_t limit, Access access) noexcept {
  std::uint64_t hash = draft.count;
  for (std::uint32_t i = 0; i < draft.count; ++i)
    hash = base::mix(hash * 0x9e3779b97f4a7c15ull + draft.pairs[i]);
  std::atomic<std::uint32_t>& head = set_heads_[hash % kSetBuckets];
  for (std::uint32_t id = head.load(std::memory_order_acquire); id != 0;) {
    const Set* set = sets_.at(id);
    if (set->hash == hash && set->count == draft.count &&
        std::equal(draft.pairs, draft.pairs + draft.count, set->pairs)) {
      return id;
    }
    id = set->next;
  }
  if (access == Access::look || set_count_ >= limit) return 0;
  Set* set = sets_.at_grow(set_count_);
  if (set == nullptr) return 0;
  set->hash = hash;
  set->count = draft.count;
  std::copy_n(draft.pairs, draft.count, set->pairs);
  set->next = head.load(std::memory_order_relaxed);
  head.store(set_count_, std::memory_order_release);
  return set_count_++;
}

// 0: something is new (looking), or memory is short (entering).
std::uint32_t LabelTable::find(const LabelText* labels, std::uint32_t count, Access access,
                               bool& folded) noexcept {
  folded = false;
  Draft draft;
  for (std::uint32_t i = 0; i < count && draft.count < kSetLabels; ++i) {
    const std::uint32_t key = key_of(labels[i].key, access);
    if (key == kMaxKeys) {
      if (access == Access::look && key_count_.load(std::memory_order_acquire) < kMaxKeys) return 0;
      folded = true;
      continue;
    }
    if (std::find(draft.keys, draft.keys + draft.count, key) != draft.keys + draft.count) continue;
    const std::uint32_t pair = pair_of(key, labels[i].value, access, folded);
    if (pair == 0) return 0;
    draft.keys[draft.count] = static_cast<std::uint8_t>(key);
    draft.pairs[draft.count++] = pair;
  }
  if (draft.count == 0) return 0;
  std::sort(draft.pairs, draft.pairs + draft.count);
  if (const std::uint32_t id = set_of(draft, kMaxSets - kSpareSets, access); id != 0) return id;
  if (access == Access::look && !sets_full_.load(std::memory_order_acquire)) return 0;
  // The sets are full, or there is no memory for more of them.
  folded = true;
  for (std::uint32_t i = 0; i < draft.count; ++i) {
    draft.pairs[i] = pair_of(pairs_.at(draft.pairs[i])->key, kOther, access, folded);
    if (draft.pairs[i] == 0) return 0;
  }
  std::sort(draft.pairs, draft.pairs + draft.count);
  if (access == Access::enter) sets_full_.store(true, std::memory_order_release);
  return set_of(draft, kMaxSets, access);
}

LabelSetId LabelTable::intern(const LabelText* labels, std::uint32_t count) noexcept {
  if (count == 0) return LabelSetId::none;
  bool folded = false;
  std::uint32_t id = find(labels, count, Access::look, folded);
  if (id == 0) {
    const base::SpinGuard guard(lock_);
    if (guard) {
      id = find(labels, count, Access::enter, folded);
    } else {
      folded = true;
    }
  }
  if (folded) folded_.fetch_add(1, std::memory_order_relaxed);
  return LabelSetId{id};
}

}  // namespace holdfast::record
