#include "holders/layout.h"

#include <algorithm>
#include <charconv>
#include <set>

namespace holdfast::holders {
namespace {

bool take_hex(std::string_view& text, char end, std::uintptr_t& number) {
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), number, 16);
  const auto used = static_cast<std::size_t>(stop - text.data());
  if (error != std::errc{} || used >= text.size() || text[used] != end) return false;
  text.remove_prefix(used + 1);
  return true;
}

std::string_view word(std::string_view& text) {
  text.remove_prefix(std::min(text.size(), text.find_first_not_of(' ')));
  const std::string_view found = text.substr(0, text.find(' '));
  text.remove_prefix(found.size());
  return found;
}

// "55d0-55e0 rw-p 00002000 fe:01 1234   /usr/bin/cat"
bool parse_line(std::string_view line, WritableMapping& mapping) {
  if (!take_hex(line, '-', mapping.start) || !take_hex(line, ' ', mapping.limit)) return false;
  const std::string_view rights = word(line);
  word(line);  // offset
  word(line);  // device
  word(line);  // inode
  line.remove_prefix(std::min(line.size(), line.find_first_not_of(' ')));
  mapping.path = line;
  if (rights.size() != 4 || rights[0] != 'r' || rights[1] != 'w') return false;
  if (mapping.path.starts_with("[v")) return false;  // vvar, vsyscall, vdso
  if (rights[3] == 'p') return !mapping.path.starts_with("/dev/") || mapping.path.starts_with("/dev/zero");
  // Shared: anonymous memory in the guise of a file.
  return mapping.path.starts_with("/dev/zero") || mapping.path.starts_with("/memfd:") ||
         mapping.path.starts_with("/dev/shm/") || mapping.path.starts_with("/SYSV");
}

}  // namespace

std::vector<WritableMapping> parse_writable_mappings(std::string_view maps) {
  std::vector<WritableMapping> found;
  while (!maps.empty()) {
    const std::size_t end = maps.find('\n');
    WritableMapping mapping;
    if (parse_line(maps.substr(0, end), mapping)) found.push_back(mapping);
    maps.remove_prefix(end == std::string_view::npos ? maps.size() : end + 1);
  }
  return found;
}

bool Layout::build(std::size_t mappings, base::RawVector<Range>& out) const {
  struct Edge {
    std::uintptr_t at;
    std::size_t note;
    bool begins;
  };
  std::vector<Edge> edges;
  for (std::size_t i = 0; i < noted_.size(); ++i) {
    edges.push_back({noted_[i].start, i, true});
    edges.push_back({noted_[i].limit, i, false});
  }
  std::ranges::sort(edges, {}, &Edge::at);
  std::set<std::size_t> open;  // notes around the current address; the last one counts
  std::size_t open_mappings = 0;
  for (std::size_t i = 0; i < edges.size(); ++i) {
    const Edge& edge = edges[i];
    if (edge.begins) {
      open.insert(edge.note);
    } else {
      open.erase(edge.note);
    }
    if (edge.note < mappings) open_mappings += edge.begins ? 1 : static_cast<std::size_t>(-1);
    if (i + 1 == edges.size() || edges[i + 1].at == edge.at || open_mappings == 0) continue;
    Range piece = noted_[*open.rbegin()];
    if (piece.kind == RangeKind::skipped) continue;
    piece.start = edge.at;
    piece.limit = edges[i + 1].at;
    if (out.size() > 0) {
      Range& last = out[out.size() - 1];
      if (last.limit == piece.start && last.kind == piece.kind && last.index == piece.index &&
          last.is_runtime == piece.is_runtime) {
        last.limit = piece.limit;
        continue;
      }
    }
    if (!out.push_back(piece)) return false;
  }
  return true;
}

const Range* range_of(const base::RawVector<Range>& ranges, std::uintptr_t address) noexcept {
  std::size_t low = 0;
  std::size_t high = ranges.size();
  while (low < high) {
    const std::size_t middle = (low + high) / 2;
    if (ranges[middle].limit <= address) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low < ranges.size() && ranges[low].start <= address ? &ranges[low] : nullptr;
}

}  // namespace holdfast::holders
