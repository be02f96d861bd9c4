#include "holders/rank.h"

namespace holdfast::holders {

bool Rank::run() noexcept {
  connect();
  for (int round = 1; round <= kRounds; ++round) {
    measure();
    bool all_held = true;
    for (std::uint32_t i = 0; i < graph_.nodes(); ++i) {
      if (graph_.node(i).is_wanted && graph_.node(i).best != kNone) {
        all_held = verify(i, static_cast<std::uint8_t>(round)) && all_held;
      }
    }
    if (all_held) return true;
  }
  measure();
  return false;
}

// Lists the words in each block, once.
void Rank::connect() noexcept {
  if (is_connected_) return;
  is_connected_ = true;
  for (std::uint32_t e = 0; e < graph_.edges(); ++e) {
    Edge& edge = graph_.edge(e);
    if (edge.holder == kNone) continue;
    edge.next_out = graph_.node(edge.holder).first_out;
    graph_.node(edge.holder).first_out = e;
  }
}

std::uint32_t Rank::root_cost(const Edge& edge) const noexcept {
  const Range* range = range_of(ranges_, edge.at);
  const std::uint32_t inside = (edge.offset == 0 ? 0 : kInsideCost) + (edge.is_end ? kEndCost : 0);
  if (range == nullptr) return kUnknownCost;
  switch (range->kind) {
    case RangeKind::data:
    case RangeKind::tls:
      return (range->is_runtime ? kRuntimeCost : 0) + inside;
    case RangeKind::stack:
      return kStackCost + inside;
    case RangeKind::heap:
    case RangeKind::anonymous:
    case RangeKind::skipped:
      break;
  }
  return kUnknownCost + inside;
}

std::uint32_t Rank::hop_cost(const Edge& edge) const noexcept {
  const Block& holder = graph_.node(edge.holder).block;
  const std::uint32_t guess = (holder.is_certain ? 0 : kGuessCost) + (edge.is_end ? kEndCost : 0);
  if (holder.size == graph_.node(edge.held).block.size) return guess;
  return kHopCost + guess + (edge.offset == 0 ? 0 : kInsideCost);
}

// Dijkstra's algorithm from all roots at once; costs are small, so a bucket each.
void Rank::measure() noexcept {
  for (std::uint32_t& bucket : buckets_) bucket = kNone;
  for (std::uint32_t i = 0; i < graph_.nodes(); ++i) {
    Node& node = graph_.node(i);
    node.cost = node.best = kNone;
    node.run_head = i;
    node.run_length = 1;
  }
  for (std::uint32_t e = 0; e < graph_.edges(); ++e) {
    const Edge& edge = graph_.edge(e);
    if (edge.holder == kNone && !edge.is_broken) offer(e, root_cost(edge));
  }
  for (std::uint32_t cost = 0; cost < kBuckets;) {
    if (buckets_[cost] == kNone) {
      ++cost;
      continue;
    }
    const std::uint32_t node = buckets_[cost];
    dequeue(node);
    settle(node);
  }
}

void Rank::offer(std::uint32_t e, std::uint32_t cost) noexcept {
  const std::uint32_t held = graph_.edge(e).held;
  Node& node = graph_.node(held);
  if (cost >= node.cost) return;
  if (node.cost != kNone && node.next_in_queue != held) dequeue(held);
  node.cost = cost;
  node.best = e;
  enqueue(held);
}

void Rank::settle(std::uint32_t i) noexcept {
  Node& node = graph_.node(i);
  const std::uint32_t holder = graph_.edge(node.best).holder;
  if (holder != kNone) {
    const Node& before = graph_.node(holder);
    if (before.block.size == node.block.size && before.block.site == node.block.site) {
      node.run_head = before.run_head;
      node.run_length = before.run_length + 1;
    }
  }
  for (std::uint32_t e = node.first_out; e != kNone; e = graph_.edge(e).next_out) {
    if (!graph_.edge(e).is_broken) offer(e, node.cost + hop_cost(graph_.edge(e)));
  }
}

// A node out of the queue is its own successor.
void Rank::enqueue(std::uint32_t i) noexcept {
  Node& node = graph_.node(i);
  std::uint32_t& bucket = buckets_[node.cost < kBuckets ? node.cost : kBuckets - 1];
  node.next_in_queue = bucket;
  node.previous_in_queue = kNone;
  if (bucket != kNone) graph_.node(bucket).previous_in_queue = i;
  bucket = i;
}

void Rank::dequeue(std::uint32_t i) noexcept {
  Node& node = graph_.node(i);
  if (node.previous_in_queue != kNone) {
    graph_.node(node.previous_in_queue).next_in_queue = node.next_in_queue;
  } else {
    buckets_[node.cost < kBuckets ? node.cost : kBuckets - 1] = node.next_in_queue;
  }
  if (node.next_in_queue != kNone) graph_.node(node.next_in_queue).previous_in_queue = node.previous_in_queue;
  node.next_in_queue = i;
}

// The whole chain up to what this round has read already.
bool Rank::verify(std::uint32_t i, std::uint8_t round) noexcept {
  while (i != kNone) {
    Node& node = graph_.node(i);
    if (node.mark == round || node.best == kNone) return true;
    Edge& edge = graph_.edge(node.best);
    if (!edge.is_verified) {
      if (!holds(edge)) {
        edge.is_broken = true;
        return false;
      }
      edge.is_verified = true;
    }
    node.mark = round;
    i = edge.holder;
  }
  return true;
}

bool Rank::holds(Edge& edge) noexcept {
  const Node& held = graph_.node(edge.held);
  std::uintptr_t word = 0;
  if (!reader_.get(edge.at, word)) return false;
  if (word - held.block.start >= (held.block.size == 0 ? 1 : held.block.size)) return false;
  Block block;
  if (!blocks_.find(word, block) || block.start != held.block.start || block.size != held.block.size)
    return false;
  if (edge.holder == kNone) return true;
  const Node& holder = graph_.node(edge.holder);
  return blocks_.find(edge.at, block) && block.start == holder.block.start && block.size == holder.block.size;
}

}  // namespace holdfast::holders
