#include "holders/answer.h"

#include <sys/mman.h>

namespace holdfast::holders {
namespace {

constexpr std::uint8_t kOnPath = 250;  // marks of the walk for cycles
constexpr std::uint8_t kDeadEnd = 251;
constexpr std::uint8_t kLastRound = 100;  // of verification
constexpr std::uint32_t kMaxVisits = 20'000;

bool is_code(const base::RawVector<Range>& code, std::uintptr_t address) noexcept {
  return range_of(code, address) != nullptr;
}

// Whether a call instruction ends at the address.
bool follows_call(const Reader& reader, std::uintptr_t address) noexcept {
#if defined(__x86_64__)
  unsigned char b[8];
  if (reader.read(address - 8, b, sizeof b) != sizeof b) return false;
  if (b[3] == 0xe8) return true;  // call rel32
  const auto calls = [&](int at) { return b[at] == 0xff && (b[at + 1] & 0x38) == 0x10; };
  return calls(6) || calls(5) || calls(4) || calls(2) || calls(1);
#else
  return reader.works() && address % 4 == 0;
#endif
}

bool is_printable(const char* text) noexcept {
  for (const char* c = text; *c != '\0'; ++c) {
    if (*c <= ' ' || *c > '~') return false;
  }
  return *text != '\0';
}

}  // namespace

const char* name(ChainEnd end) noexcept {
  switch (end) {
    case ChainEnd::root:
      return "root";
    case ChainEnd::unknown:
      return "unknown";
    case ChainEnd::cycle:
      return "cycle";
    case ChainEnd::lost:
      return "lost";
    case ChainEnd::changed:
      return "changed";
    case ChainEnd::cut:
      return "cut";
  }
  return "unknown";
}

Answer::~Answer() {
  if (memory_ != nullptr) munmap(memory_, reserved_);
}

bool Answer::reserve(std::uint32_t chains, bool shared) noexcept {
  max_chains_ = chains;
  reserved_ = 4096 + chains * sizeof(Chain) + std::size_t{chains} * kMaxLinks * sizeof(Link) +
              kMaxNames * sizeof(TypeName);
  const int kind = shared ? MAP_SHARED : MAP_PRIVATE;
  void* p = mmap(nullptr, reserved_, PROT_READ | PROT_WRITE, kind | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (p == MAP_FAILED) return false;
  memory_ = p;
  used_ = static_cast<Used*>(p);
  chains_ = reinterpret_cast<Chain*>(static_cast<char*>(p) + 4096);
  links_ = reinterpret_cast<Link*>(chains_ + chains);
  names_ = reinterpret_cast<TypeName*>(links_ + std::size_t{chains} * kMaxLinks);
  return true;
}

void Answer::collect(Graph& graph, Rank& rank, const base::RawVector<Range>& ranges,
                     const base::RawVector<Range>& code, const Reader& reader) noexcept {
  const Context context{graph, rank, ranges, code, reader};
  for (std::uint32_t i = 0; i < graph.nodes(); ++i) {
    if (graph.node(i).is_wanted) follow(context, i);
  }
}

void Answer::follow(const Context& c, std::uint32_t wanted) noexcept {
  if (used_->chains == max_chains_) return;
  Chain& chain = chains_[used_->chains];
  chain = Chain{};
  chain.wanted = wanted;
  chain.count = 1;
  chain.first_link = used_->links;
  const Node& node = c.graph.node(wanted);
  const bool has_root = node.best != kNone && node.cost < kUnknownCost;
  if (!has_root) follow_cycle(c, chain);
  if (has_root || (chain.end != ChainEnd::cycle && node.best != kNone)) {
    // From the block up to its root, a run of like blocks at a time; then turned round.
    chain.links = 0;
    chain.end = node.cost < kUnknownCost ? ChainEnd::root : ChainEnd::unknown;
    std::uint32_t at = wanted;
    while (at != kNone && chain.links < kMaxLinks) {
      const Node& last = c.graph.node(at);
      const Node& first = c.graph.node(last.run_head);
      if (first.best == kNone) break;
      links_[chain.first_link + chain.links++] = Link{first.best, at, last.run_length, 0, 0, {}, {}};
      at = c.graph.edge(first.best).holder;
    }
    if (at != kNone) chain.end = ChainEnd::cut;
    for (std::uint32_t a = chain.first_link, b = a + chain.links; a + 1 < b; ++a, --b) {
      const Link swapped = links_[a];
      links_[a] = links_[b - 1];
      links_[b - 1] = swapped;
    }
    for (std::uint32_t l = 0; l < chain.links; ++l) {
      Edge& edge = c.graph.edge(links_[chain.first_link + l].edge);
      edge.is_verified = edge.is_verified && !edge.is_broken;
      if (!edge.is_verified && !(edge.is_verified = c.rank.holds(edge))) chain.end = ChainEnd::changed;
    }
  }
  const bool is_cut = c.graph.full() || c.graph.progress().out_of_time;
  if (is_cut && (chain.end == ChainEnd::lost || chain.end == ChainEnd::cycle)) chain.end = ChainEnd::cut;
  for (std::uint32_t i = 0; i < used_->chains; ++i) {
    if (!same(c, chains_[i], chain)) continue;
    ++chains_[i].count;
    return;
  }
  for (std::uint32_t l = 0; l < chain.links; ++l) describe(c, links_[chain.first_link + l]);
  if (chain.links > 0 && chain.end == ChainEnd::root) {
    read_stack(c, chain, c.graph.edge(links_[chain.first_link].edge).at);
  }
  used_->links += chain.links;
  ++used_->chains;
}

// Whether two chains tell the same: their roots are one word, and sizes, sites and offsets agree link by
// link.
bool Answer::same(const Context& c, const Chain& a, const Chain& b) const noexcept {
  if (a.end != b.end || a.links != b.links) return false;
  for (std::uint32_t i = 0; i < a.links; ++i) {
    const Link& x = links_[a.first_link + i];
    const Link& y = links_[b.first_link + i];
    const Edge& ex = c.graph.edge(x.edge);
    const Edge& ey = c.graph.edge(y.edge);
    const Block& bx = c.graph.node(x.node).block;
    const Block& by = c.graph.node(y.node).block;
    if (bx.size != by.size || bx.site != by.site || ex.offset != ey.offset ||
        (x.repeat > 1) != (y.repeat > 1))
      return false;
    if ((ex.holder == kNone) != (ey.holder == kNone)) return false;
    if (ex.holder == kNone) {
      if (ex.at != ey.at) return false;
    } else if (ex.at - c.graph.node(ex.holder).block.start != ey.at - c.graph.node(ey.holder).block.start) {
      return false;
    }
  }
  return true;
}

// Depth first through the holders, each link read again, until a block comes round a second time.
void Answer::follow_cycle(const Context& c, Chain& chain) noexcept {
  chain.end = ChainEnd::lost;
  std::uint32_t path[kMaxLinks];  // edges, from the wanted block upwards
  std::uint32_t depth = 0;
  std::uint32_t current = chain.wanted;
  std::uint32_t next_edge = c.graph.node(current).first_edge;
  const std::uint32_t first_visited = chain.wanted;
  c.graph.node(current).mark = kOnPath;
  for (std::uint32_t visits = 0; visits < kMaxVisits;) {
    if (next_edge == kNone || depth == kMaxLinks) {
      if (depth == 0) break;
      c.graph.node(current).mark = kDeadEnd;
      --depth;
      next_edge = c.graph.edge(path[depth]).next;
      current = c.graph.edge(path[depth]).held;
      continue;
    }
    Edge& edge = c.graph.edge(next_edge);
    const std::uint32_t holder = edge.holder;
    const bool is_usable = holder != kNone && !edge.is_broken && c.graph.node(holder).mark != kDeadEnd;
    if (is_usable && (edge.is_verified || (edge.is_verified = c.rank.holds(edge)))) {
      ++visits;
      path[depth++] = next_edge;
      if (c.graph.node(holder).mark == kOnPath) {
        chain.end = ChainEnd::cycle;
        break;
      }
      current = holder;
      c.graph.node(current).mark = kOnPath;
      next_edge = c.graph.node(current).first_edge;
      continue;
    }
    next_edge = edge.next;
  }
  // The marks of the path must not lead others astray.
  for (std::uint32_t i = 0; i < depth; ++i) {
    c.graph.node(c.graph.edge(path[i]).held).mark = kLastRound;
    if (c.graph.edge(path[i]).holder != kNone) c.graph.node(c.graph.edge(path[i]).holder).mark = kLastRound;
  }
  c.graph.node(first_visited).mark = chain.end == ChainEnd::cycle ? kLastRound : kDeadEnd;
  if (chain.end != ChainEnd::cycle) return;
  for (std::uint32_t i = depth; i-- > 0;) {
    links_[chain.first_link + chain.links++] = Link{path[i], c.graph.edge(path[i]).held, 1, 0, 0, {}, {}};
  }
}

void Answer::describe(const Context& c, Link& link) noexcept {
  const Block& block = c.graph.node(link.node).block;
  const std::size_t bytes = block.size < sizeof link.word ? block.size & ~std::size_t{7} : sizeof link.word;
  link.words = static_cast<std::uint8_t>(c.reader.read(block.start, link.word, bytes) / 8);
  c.reader.read(c.graph.edge(link.edge).at, link.around, sizeof link.around);
  if (link.words > 0) link.type_name = type_of(c, link.word[0]);
}

// Itanium ABI: before a vtable's first entry lies the address of the type_info, whose second word is its
// name.
std::uint32_t Answer::type_of(const Context& c, std::uintptr_t vtable) noexcept {
  if (vtable % 8 != 0 || vtable < 4096) return 0;
  std::uintptr_t entry = 0;
  if (!c.reader.get(vtable, entry) || !is_code(c.code, entry)) return 0;
  for (std::uint32_t i = 0; i < used_->names; ++i) {
    if (names_[i].vtable == vtable) return names_[i].text[0] == '\0' ? 0 : i + 1;
  }
  if (used_->names == kMaxNames) return 0;
  TypeName& fresh = names_[used_->names++];
  fresh.vtable = vtable;
  std::uintptr_t info = 0;
  std::uintptr_t text = 0;
  std::uintptr_t offset_to_top = 1;
  if (!c.reader.get(vtable - 16, offset_to_top) || !c.reader.get(vtable - 8, info) || info == 0) return 0;
  if (!c.reader.get(info + 8, text)) return 0;
  // A name may lie at the end of what is mapped.
  std::size_t got = c.reader.read(text, fresh.text, sizeof fresh.text - 1);
  fresh.text[got] = '\0';
  if (fresh.text[0] == '*') {  // a type of one translation unit
    for (std::size_t i = 0; i < got; ++i) fresh.text[i] = fresh.text[i + 1];
  }
  if (!is_printable(fresh.text)) fresh.text[0] = '\0';
  return fresh.text[0] == '\0' ? 0 : used_->names;
}

void Answer::read_stack(const Context& c, Chain& chain, std::uintptr_t at) noexcept {
  const Range* range = range_of(c.ranges, at);
  if (range == nullptr || range->kind != RangeKind::stack) return;
  constexpr std::uintptr_t kFar = 64 * 1024;
  std::uintptr_t word = 0;
  for (std::uintptr_t p = at; p > range->start && at - p < kFar && chain.frames_below < kFramesOfStack;) {
    p -= 8;
    if (c.reader.get(p, word) && is_code(c.code, word) && follows_call(c.reader, word)) {
      chain.below[chain.frames_below++] = word;
    }
  }
  for (std::uintptr_t p = at + 8;
       p + 8 <= range->limit && p - at < kFar && chain.frames_above < kFramesOfStack; p += 8) {
    if (c.reader.get(p, word) && is_code(c.code, word) && follows_call(c.reader, word)) {
      chain.above[chain.frames_above++] = word;
    }
  }
}

}  // namespace holdfast::holders
