#include "profile/jemalloc_text.h"

#include "profile/heap_text.h"

namespace holdfast::profile {
namespace {

constexpr std::string_view kHeader = "heap_v2/";

// "t*: amounts" or "t7: amounts".
struct ThreadRow {
  bool all_threads = false;
  Amounts amounts;
};

std::optional<ThreadRow> scan_thread_row(std::string_view line) {
  Scanner scanner(line);
  if (!scanner.take("t")) return std::nullopt;
  ThreadRow row;
  row.all_threads = scanner.take("*");
  if (!row.all_threads && !scanner.decimal()) return std::nullopt;
  if (!scanner.take(":")) return std::nullopt;
  const std::optional<Amounts> amounts = scan_amounts(scanner);
  if (!amounts || !scanner.at_end()) return std::nullopt;
  row.amounts = *amounts;
  return row;
}

Profile decode(std::string_view bytes, const DecodeLimits& limits) {
  Lines lines(bytes);
  lines.next();
  Scanner header(lines.line());
  header.take(kHeader);
  const std::optional<std::uint64_t> interval = header.decimal();
  if (!interval || !header.at_end())
    throw Broken("line 1 must be \"heap_v2/\" and the sampling interval in bytes");

  std::optional<Amounts> totals;  // the rows before the first stack
  std::optional<TextProfile> out;
  const auto end_of_totals = [&] {
    if (out) return;
    if (!totals) throw Broken("line " + std::to_string(lines.number()) + " comes before the totals");
    out.emplace(limits.model_bytes, *interval, totals->alloc.objects != 0);
  };
  std::vector<std::uint32_t> stack;
  bool has_map = false;
  while (!has_map && lines.next()) {
    Scanner scanner(lines.line());
    if (scanner.at_end()) continue;
    if (is_map_header(lines.line())) {
      end_of_totals();
      out->read_map(lines);
      has_map = true;
    } else if (scanner.take("@")) {
      end_of_totals();
      stack = out->stack(scanner);
    } else if (const std::optional<ThreadRow> row = scan_thread_row(lines.line()); !row) {
      throw Broken("line " + std::to_string(lines.number()) + " is neither a stack nor a row");
    } else if (row->all_threads && out) {
      out->add_row(stack, row->amounts);
    } else if (row->all_threads) {
      totals = row->amounts;
    }
  }
  // jemalloc always ends with the map, even an empty one.
  if (!has_map) throw Broken("it ends before its map of libraries", "the dump is cut off: take it again");
  return out->take();
}

}  // namespace

bool is_jemalloc_text(std::string_view bytes) noexcept { return bytes.starts_with(kHeader); }

Result<Profile> decode_jemalloc_text(std::string_view bytes, const DecodeLimits& limits) {
  if (bytes.size() > limits.input_bytes) {
    return Error{"profile is larger than " + std::to_string(limits.input_bytes) + " bytes",
                 "check what was fetched"};
  }
  return caught("broken jemalloc heap dump", "take the dump again; jeprof should read it too",
                [&] { return decode(bytes, limits); });
}

}  // namespace holdfast::profile
