// The labels in force on each thread: a chain of nodes, innermost first, which the scopes of
// holdfast/labels.h push and pop. A node lives as long as anybody refers to it (the scope's object, a thread,
// a capture, a node further in), so that scopes that end in the wrong order or on another thread leave
// nothing dangling. Nothing is looked up before a sample is taken. noexcept, allocates only mapped
// pages.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/spin_lock.h"
#include "record/label_table.h"

namespace holdfast::record {

struct ThreadState;

struct LabelNode {
  static constexpr std::uint32_t kUnresolved = 0xffffffffu;

  std::atomic<std::uint32_t> references;
  std::atomic<std::uint32_t> set;  // index of its LabelSetId once a sample asked for it
  LabelNode* parent;               // the label around it, referred to; or the next free node
  LabelNode* outer;  // what was in force before, referred to; the same as `parent` but for captured labels
  std::atomic<bool> ended;  // its scope is over: no thread should have it in force any more
  std::uint8_t key_size;    // 0: no label of its own but a scope of captured ones, which begin at its parent
  std::uint8_t value_size;
  char key[LabelTable::kKeyBytes];
  char value[LabelTable::kValueBytes];
};
static_assert(sizeof(LabelNode) == 192);

// Free nodes, in a few lists that threads share.
class LabelPool {
 public:
  static constexpr std::uint32_t kMaxNodes = 1u << 16;
  static constexpr int kLists = 8;

  LabelNode* take() noexcept;  // nullptr when there are too many, or no memory
  void give(LabelNode* node) noexcept;

  std::uint64_t refused() const noexcept { return refused_.load(std::memory_order_relaxed); }
  base::SpinLock& lock(int list) noexcept { return lists_[list].lock; }  // for fork

 private:
  struct alignas(64) List {
    base::SpinLock lock;
    LabelNode* free = nullptr;
  };
  template <typename TryList>
  bool any_list(TryList try_list) noexcept;
  LabelNode* make_nodes(List& list) noexcept;

  List lists_[kLists];
  std::atomic<std::uint32_t> nodes_{0};
  std::atomic<std::uint64_t> refused_{0};
};

// The set in force on the thread, for a sample taken now.
LabelSetId labels_in_force(ThreadState& thread, LabelTable& table) noexcept;

// The thread ends: it refers to nothing any more.
void forget_labels(ThreadState& thread) noexcept;

}  // namespace holdfast::record
