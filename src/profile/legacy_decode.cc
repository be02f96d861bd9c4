#include "profile/heap_text.h"
#include "profile/legacy_text.h"

namespace holdfast::profile {
namespace {

constexpr std::string_view kHeader = "heap profile:";

struct Header {
  Amounts totals;
  std::string inuse_text, alloc_text;  // as written: a leading zero makes allocation totals count
  std::string kind;                    // "heapprofile", "heap_v2", ...
  std::uint64_t interval = 0;          // after the slash
};

Header scan_header(std::string_view line) {
  Header header;
  Scanner scanner(line);
  scanner.take(kHeader);
  Scanner texts = scanner;
  const std::optional<Amounts> totals = scan_amounts(scanner);
  if (!totals || !scanner.take("@")) throw Broken("line 1 must be \"heap profile: n: n [n: n] @ kind\"");
  header.totals = *totals;
  // Between the brackets and before them, without blanks.
  const std::string_view all = texts.rest();
  const std::size_t open = all.find('[');
  const auto squeezed = [](std::string_view text) {
    std::string out;
    for (char c : text) {
      if (c != ' ' && c != '\t') out += c;
    }
    return out;
  };
  header.inuse_text = squeezed(all.substr(0, open));
  header.alloc_text = squeezed(all.substr(open + 1, all.find(']') - open - 1));
  const std::string_view kind = scanner.rest();
  const std::size_t slash = kind.find('/');
  header.kind = std::string(kind.substr(0, slash));
  if (slash != std::string_view::npos && slash + 1 < kind.size()) {
    Scanner interval(kind.substr(slash + 1));
    const std::optional<std::uint64_t> value = interval.decimal();
    if (!value || !interval.at_end()) throw Broken("the sampling interval on line 1 is no number");
    header.interval = *value;
  }
  return header;
}

// The mean interval by which the rows must be unbiased; 0 for not at all.
std::uint64_t interval_of(const Header& header) {
  if (header.kind == "heap_v2" || header.kind == "heapz_v2") return header.interval;
  if (header.kind == "heap") return header.interval / 2;
  return 0;
}

bool is_plain_kind(const std::string& kind) {
  return kind.starts_with("growth") || kind.starts_with("fragmentation");
}

Profile decode(std::string_view bytes, const DecodeLimits& limits) {
  Lines lines(bytes);
  lines.next();
  const Header header = scan_header(lines.line());
  if (header.kind != "heapprofile" && header.kind != "heap" && header.kind != "heap_v2" &&
      header.kind != "heapz_v2" && !is_plain_kind(header.kind)) {
    throw Broken("its kind is \"" + header.kind.substr(0, 40) + "\"",
                 "heapprofile, heap/R, heap_v2/R and growth are known");
  }
  const bool has_alloc = header.alloc_text != header.inuse_text && header.alloc_text != "0:0";
  TextProfile out(limits.model_bytes, interval_of(header), has_alloc);
  if (is_plain_kind(header.kind)) out.name_plain_types("objects", "space");

  bool has_map = false;
  while (lines.next()) {
    if (is_map_header(lines.line())) {
      out.read_map(lines);
      has_map = true;
      break;
    }
    Scanner scanner(lines.line());
    if (scanner.at_end() || scanner.take("#")) continue;  // Go writes names as comments
    const std::optional<Amounts> row = scan_amounts(scanner);
    if (!row || !scanner.take("@")) throw Broken("line " + std::to_string(lines.number()) + " is no row");
    std::vector<std::uint32_t> stack = out.stack(scanner);
    out.add_row(std::move(stack), *row);
  }
  // A map ends most files. gperftools leaves out rows that find no room, but then still writes the map;
  // without one, rows that do not add up mean that the end is missing.
  const Amounts& sum = out.sum();
  if (!has_map &&
      (sum.inuse.objects < header.totals.inuse.objects || sum.inuse.bytes < header.totals.inuse.bytes ||
       sum.alloc.bytes < header.totals.alloc.bytes)) {
    throw Broken("it is cut off: its rows add up to " + std::to_string(sum.inuse.bytes) +
                     " bytes in use, line 1 says " + std::to_string(header.totals.inuse.bytes),
                 "fetch it again");
  }
  return out.take();
}

}  // namespace

bool is_legacy_text(std::string_view bytes) noexcept { return bytes.starts_with(kHeader); }

Result<Profile> decode_legacy_text(std::string_view bytes, const DecodeLimits& limits) {
  if (bytes.size() > limits.input_bytes) {
    return Error{"profile is larger than " + std::to_string(limits.input_bytes) + " bytes",
                 "check what was fetched"};
  }
  return caught("broken text heap profile", "fetch it again; if it stays broken, its writer is at fault",
                [&] { return decode(bytes, limits); });
}

}  // namespace holdfast::profile
