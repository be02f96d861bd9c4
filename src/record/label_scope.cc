#include "record/label_scope.h"

#include <holdfast/labels.h>
#include <sched.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/raw_memory.h"
#include "record/recorder.h"

namespace holdfast::record {
namespace {

constexpr std::size_t kBatchBytes = 24 * 1024;  // whole pages and whole nodes
constexpr std::string_view kEmptyValue = "(empty)";
constexpr std::string_view kCutMark = "\u2026";

LabelNode* refer(LabelNode* node) noexcept {
  if (node != nullptr) node->references.fetch_add(1, std::memory_order_relaxed);
  return node;
}

void let_go(LabelNode* node) noexcept {
  while (node != nullptr && node->references.fetch_sub(1, std::memory_order_acq_rel) == 1) {
    LabelNode* outer = node->outer;
    LabelNode* parent = node->parent;
    g_recorder.label_pool().give(node);
    // Captured labels are never inside others, so this goes one level deep.
    if (parent != outer) let_go(parent);
    node = outer;
  }
}

// Puts `node`, to which the caller hands over a reference, in force on this thread.
void put_in_force(LabelNode* node) noexcept {
  LabelNode* before = t_state.labels;
  __atomic_signal_fence(__ATOMIC_SEQ_CST);
  t_state.labels = node;
  __atomic_signal_fence(__ATOMIC_SEQ_CST);
  let_go(before);
}

// Scopes that ended elsewhere, or before those further in, are skipped.
void drop_ended(ThreadState& thread) noexcept {
  LabelNode* node = thread.labels;
  while (node != nullptr && node->ended.load(std::memory_order_relaxed)) node = node->outer;
  if (node != thread.labels) put_in_force(refer(node));
}

// A node of these labels, with one reference for the caller.
LabelNode* make(LabelNode* parent, LabelNode* outer, std::string_view key, std::string_view value) noexcept {
  LabelNode* node = g_recorder.label_pool().take();
  if (node == nullptr) return nullptr;
  node->references.store(1, std::memory_order_relaxed);
  node->set.store(LabelNode::kUnresolved, std::memory_order_relaxed);
  node->ended.store(false, std::memory_order_relaxed);
  node->parent = refer(parent);
  node->outer = parent == outer ? parent : refer(outer);
  node->key_size = static_cast<std::uint8_t>(key.size());
  node->value_size = static_cast<std::uint8_t>(value.size());
  if (!key.empty()) std::memcpy(node->key, key.data(), key.size());
  if (!value.empty()) std::memcpy(node->value, value.data(), value.size());
  return node;
}

LabelNode* begin(LabelNode* node) noexcept {
  if (node != nullptr) put_in_force(refer(node));
  return node;
}

void end(LabelNode* node) noexcept {
  if (node == nullptr) return;
  node->ended.store(true, std::memory_order_relaxed);
  drop_ended(t_state);
  let_go(node);
}

// The labels from `innermost` on, inner ones first and each key once; returns how many.
std::uint32_t collect(const LabelNode* innermost, LabelText (&labels)[LabelTable::kSetLabels]) noexcept {
  constexpr int kFarthest = 64;
  std::uint32_t count = 0;
  int steps = 0;
  for (const LabelNode* n = innermost; n != nullptr && count < std::size(labels) && steps < kFarthest;
       ++steps) {
    const std::string_view key(n->key, n->key_size);
    const auto same = [key](const LabelText& known) { return known.key == key; };
    if (!key.empty() && std::none_of(labels, labels + count, same))
      labels[count++] = {key, {n->value, n->value_size}};
    n = n->parent;
  }
  return count;
}

bool has_label(const LabelNode* node) noexcept { return node->key_size > 0; }

// What a capture refers to: a chain of labels only. Scopes of captured labels are left out of it, or work
// that hands its labels on and on would keep all of them.
LabelNode* without_scopes(LabelNode* innermost) noexcept {
  while (innermost != nullptr && !has_label(innermost)) innermost = innermost->parent;
  const LabelNode* n = innermost;
  while (n != nullptr && has_label(n)) n = n->parent;
  if (n == nullptr) return refer(innermost);
  LabelText labels[LabelTable::kSetLabels];
  LabelNode* copy = nullptr;
  for (std::uint32_t i = collect(innermost, labels); i-- > 0;) {
    LabelNode* inner = make(copy, copy, labels[i].key, labels[i].value);
    let_go(copy);
    copy = inner;
  }
  if (copy != nullptr)
    copy->set.store(innermost->set.load(std::memory_order_relaxed), std::memory_order_relaxed);
  return copy;
}

// At most `most` bytes of it; a sequence of UTF-8 is not cut in two.
std::string_view cut(std::string_view text, std::size_t most) noexcept {
  if (text.size() <= most) return text;
  while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xc0) == 0x80) --most;
  return text.substr(0, most);
}

}  // namespace

// Calls try_list on each list that can be had, until it says true. The owner of a list that is busy may have
// lost its processor: then wait for it, but not for ever, as it may be what a signal handler interrupted.
// False when every list was had once, or the patience ends.
template <typename TryList>
bool LabelPool::any_list(TryList try_list) noexcept {
  constexpr int kRounds = 20'000;
  const int home = t_state.shard % kLists;
  for (int round = 0; round < kRounds; ++round) {
    bool all_seen = true;
    for (int i = 0; i < kLists; ++i) {
      List& list = lists_[(home + i) % kLists];
      if (!list.lock.try_lock()) {
        all_seen = false;
        continue;
      }
      const bool done = try_list(list);
      list.lock.unlock();
      if (done) return true;
    }
    if (all_seen) return false;
    if (round > 16) sched_yield();
  }
  return false;
}

LabelNode* LabelPool::take() noexcept {
  LabelNode* node = nullptr;
  const bool taken = any_list([&](List& list) {
    node = list.free != nullptr ? list.free : make_nodes(list);
    if (node != nullptr) list.free = node->parent;
    return node != nullptr;
  });
  if (!taken) refused_.fetch_add(1, std::memory_order_relaxed);
  return node;
}

void LabelPool::give(LabelNode* node) noexcept {
  // In vain only when every list is busy for very long: the node is then lost, within the bound of kMaxNodes.
  any_list([&](List& list) {
    node->parent = list.free;
    list.free = node;
    return true;
  });
}

LabelNode* LabelPool::make_nodes(List& list) noexcept {
  constexpr std::uint32_t kBatch = kBatchBytes / sizeof(LabelNode);
  if (nodes_.fetch_add(kBatch, std::memory_order_relaxed) + kBatch > kMaxNodes) {
    nodes_.fetch_sub(kBatch, std::memory_order_relaxed);
    return nullptr;
  }
  auto* nodes = static_cast<LabelNode*>(base::map_pages(kBatchBytes));
  if (nodes == nullptr) {
    nodes_.fetch_sub(kBatch, std::memory_order_relaxed);
    return nullptr;
  }
  for (std::uint32_t i = 0; i + 1 < kBatch; ++i) nodes[i].parent = nodes + i + 1;
  return list.free = nodes;
}

LabelSetId labels_in_force(ThreadState& thread, LabelTable& table) noexcept {
  drop_ended(thread);
  LabelNode* innermost = thread.labels;
  if (innermost == nullptr) return LabelSetId::none;
  if (const std::uint32_t known = innermost->set.load(std::memory_order_relaxed);
      known != LabelNode::kUnresolved) {
    return LabelSetId{known};
  }
  LabelText labels[LabelTable::kSetLabels];
  const std::uint32_t count = collect(innermost, labels);
  const LabelSetId id = table.intern(labels, count);
  innermost->set.store(index(id), std::memory_order_relaxed);
  return id;
}

void forget_labels(ThreadState& thread) noexcept {
  LabelNode* node = thread.labels;
  thread.labels = nullptr;
  let_go(node);
}

}  // namespace holdfast::record

namespace holdfast {

using record::LabelNode;
using record::LabelTable;

Label::Label(std::string_view key, std::string_view value) noexcept : node_(nullptr) {
  if (key.empty()) return;
  record::drop_ended(record::t_state);
  char marked[LabelTable::kValueBytes];
  if (value.empty()) value = record::kEmptyValue;
  if (value.size() > LabelTable::kValueBytes) {
    value = record::cut(value, LabelTable::kValueBytes - record::kCutMark.size());
    std::memcpy(marked, value.data(), value.size());
    std::memcpy(marked + value.size(), record::kCutMark.data(), record::kCutMark.size());
    value = {marked, value.size() + record::kCutMark.size()};
  }
  LabelNode* around = record::t_state.labels;
  node_ = record::begin(record::make(around, around, record::cut(key, LabelTable::kKeyBytes), value));
}

Label::~Label() { record::end(node_); }

Labels Labels::capture() noexcept {
  record::drop_ended(record::t_state);
  Labels labels;
  labels.node_ = record::without_scopes(record::t_state.labels);
  return labels;
}

Labels::Labels(const Labels& other) noexcept : node_(record::refer(other.node_)) {}
Labels::Labels(Labels&& other) noexcept : node_(std::exchange(other.node_, nullptr)) {}
Labels& Labels::operator=(Labels other) noexcept {
  std::swap(node_, other.node_);
  return *this;
}
Labels::~Labels() { record::let_go(node_); }

Labels::Scope::Scope(const Labels& labels) noexcept : node_(nullptr) {
  record::drop_ended(record::t_state);
  node_ = record::begin(record::make(labels.node_, record::t_state.labels, {}, {}));
}
Labels::Scope::~Scope() { record::end(node_); }

}  // namespace holdfast
