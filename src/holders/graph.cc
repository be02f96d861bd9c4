#include "holders/graph.h"

#include <sys/mman.h>

namespace holdfast::holders {
namespace {

constexpr std::size_t kEdgesPerNodeOnAverage = 2;

std::size_t slot_of(std::uintptr_t start) noexcept { return (start >> 4) * 0x9e3779b97f4a7c15ull >> 20; }

}  // namespace

Graph::~Graph() {
  if (memory_ != nullptr) munmap(memory_, reserved_);
}

bool Graph::reserve(std::size_t bytes, bool shared) noexcept {
  const std::size_t per_node =
      sizeof(Node) + kEdgesPerNodeOnAverage * sizeof(Edge) + 2 * sizeof(std::uint32_t);
  max_nodes_ = static_cast<std::uint32_t>(bytes / per_node);
  if (max_nodes_ < 64) return false;
  max_edges_ = max_nodes_ * kEdgesPerNodeOnAverage;
  std::uint32_t slots = 64;
  while (slots < max_nodes_ * 2) slots *= 2;
  slot_mask_ = slots - 1;
  reserved_ = 4096 + max_nodes_ * sizeof(Node) + max_edges_ * sizeof(Edge) + slots * sizeof(std::uint32_t);
  const int kind = shared ? MAP_SHARED : MAP_PRIVATE;
  void* p = mmap(nullptr, reserved_, PROT_READ | PROT_WRITE, kind | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (p == MAP_FAILED) return false;
  memory_ = p;
  used_ = static_cast<Used*>(p);
  nodes_ = reinterpret_cast<Node*>(static_cast<char*>(p) + 4096);
  edges_ = reinterpret_cast<Edge*>(nodes_ + max_nodes_);
  slots_ = reinterpret_cast<std::uint32_t*>(edges_ + max_edges_);
  return true;
}

std::size_t Graph::bytes_used() const noexcept {
  return 4096 + nodes() * (sizeof(Node) + 2 * sizeof(std::uint32_t)) + edges() * sizeof(Edge);
}

std::uint32_t Graph::find(std::uintptr_t start) const noexcept {
  for (std::size_t i = slot_of(start) & slot_mask_;; i = (i + 1) & slot_mask_) {
    const std::uint32_t slot = slots_[i];
    if (slot == 0) return kNone;
    if (nodes_[slot - 1].block.start == start) return slot - 1;
  }
}

std::uint32_t Graph::add(const Block& block, bool& is_new) noexcept {
  is_new = false;
  std::size_t i = slot_of(block.start) & slot_mask_;
  for (; slots_[i] != 0; i = (i + 1) & slot_mask_) {
    if (nodes_[slots_[i] - 1].block.start == block.start) return slots_[i] - 1;
  }
  if (used_->nodes == max_nodes_) {
    used_->full = true;
    return kNone;
  }
  const std::uint32_t fresh = used_->nodes++;
  nodes_[fresh] = Node{block, kNone, kNone, kNone, kNone, kNone, 0, kNone, kNone, 0, 0, false, false};
  slots_[i] = fresh + 1;
  is_new = true;
  return fresh;
}

void Graph::link(std::uint32_t held, std::uint32_t holder, std::uintptr_t at, std::uintptr_t word,
                 bool is_end) noexcept {
  Node& node = nodes_[held];
  const auto offset = static_cast<std::uint32_t>(word - node.block.start);
  int alike = 0;
  std::uint32_t inside = kNone;
  for (std::uint32_t e = node.first_edge; e != kNone; e = edges_[e].next) {
    if (edges_[e].at == at) return;
    if ((edges_[e].holder == kNone) != (holder == kNone)) continue;
    ++alike;
    if (edges_[e].offset != 0) inside = e;
  }
  if (alike >= kEdgesPerNode) {
    if (offset != 0 || inside == kNone) return;
    edges_[inside].at = at;
    edges_[inside].holder = holder;
    edges_[inside].offset = 0;
    edges_[inside].is_end = is_end;
    return;
  }
  if (used_->edges == max_edges_) {
    used_->full = true;
    return;
  }
  const std::uint32_t fresh = used_->edges++;
  edges_[fresh] = Edge{at, holder, node.first_edge, kNone, held, offset, false, false, is_end};
  node.first_edge = fresh;
  ++node.edges;
}

}  // namespace holdfast::holders
