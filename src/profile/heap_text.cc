#include "profile/heap_text.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

namespace holdfast::profile {
namespace {

constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

std::int64_t clamp(std::uint64_t value) {
  return value > static_cast<std::uint64_t>(kMost) ? kMost : static_cast<std::int64_t>(value);
}

std::uint64_t saturating_add(std::uint64_t a, std::uint64_t b) {
  return a + b < a ? std::numeric_limits<std::uint64_t>::max() : a + b;
}

std::uint64_t rounded(double value) {
  return value >= 0x1.0p63 ? static_cast<std::uint64_t>(kMost)
                           : static_cast<std::uint64_t>(std::llround(value));
}

}  // namespace

void Scanner::skip_blanks() {
  while (!left_.empty() && is_blank(left_.front())) left_.remove_prefix(1);
}

bool Scanner::take(std::string_view literal) {
  const std::string_view before = left_;
  skip_blanks();
  if (left_.starts_with(literal)) {
    left_.remove_prefix(literal.size());
    return true;
  }
  left_ = before;
  return false;
}

std::optional<std::uint64_t> Scanner::number(int base) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(left_.data(), left_.data() + left_.size(), value, base);
  if (error == std::errc::result_out_of_range) throw Broken("a number is too large");
  if (error != std::errc()) return std::nullopt;
  left_.remove_prefix(static_cast<std::size_t>(end - left_.data()));
  return value;
}

std::optional<std::uint64_t> Scanner::decimal() {
  const std::string_view before = left_;
  skip_blanks();
  const std::optional<std::uint64_t> value = number(10);
  if (!value) left_ = before;
  return value;
}

std::optional<std::uint64_t> Scanner::hexadecimal() {
  const std::string_view before = left_;
  skip_blanks();
  if (left_.starts_with("0x")) left_.remove_prefix(2);
  const std::optional<std::uint64_t> value = number(16);
  if (!value) left_ = before;
  return value;
}

std::string_view Scanner::word() {
  skip_blanks();
  std::size_t length = 0;
  while (length < left_.size() && !is_blank(left_[length])) ++length;
  const std::string_view taken = left_.substr(0, length);
  left_.remove_prefix(length);
  return taken;
}

std::string_view Scanner::rest() {
  skip_blanks();
  std::string_view taken = left_;
  left_ = {};
  while (!taken.empty() && is_blank(taken.back())) taken.remove_suffix(1);
  return taken;
}

bool Scanner::at_end() {
  skip_blanks();
  return left_.empty();
}

bool Lines::next() {
  if (left_.empty()) return false;
  const std::size_t end = left_.find('\n');
  line_ = left_.substr(0, end);
  left_.remove_prefix(end == std::string_view::npos ? left_.size() : end + 1);
  if (!line_.empty() && line_.back() == '\r') line_.remove_suffix(1);
  ++number_;
  return true;
}

std::optional<Amounts> scan_amounts(Scanner& scanner) {
  const auto amount = [&]() -> std::optional<Amount> {
    const std::optional<std::uint64_t> objects = scanner.decimal();
    if (!objects || !scanner.take(":")) return std::nullopt;
    const std::optional<std::uint64_t> bytes = scanner.decimal();
    if (!bytes) return std::nullopt;
    return Amount{*objects, *bytes};
  };
  const std::optional<Amount> inuse = amount();
  if (!inuse || !scanner.take("[")) return std::nullopt;
  const std::optional<Amount> alloc = amount();
  if (!alloc || !scanner.take("]")) return std::nullopt;
  return Amounts{*inuse, *alloc};
}

Amount unbias(Amount amount, std::uint64_t interval_bytes) {
  if (interval_bytes <= 1 || amount.objects == 0 || amount.bytes == 0) return amount;
  const double size = static_cast<double>(amount.bytes) / static_cast<double>(amount.objects);
  const double sampled = -std::expm1(-size / static_cast<double>(interval_bytes));
  return {rounded(static_cast<double>(amount.objects) / sampled),
          rounded(static_cast<double>(amount.bytes) / sampled)};
}

TextProfile::TextProfile(std::size_t limit_bytes, std::uint64_t interval_bytes, bool has_alloc)
    : budget_(limit_bytes), interval_bytes_(interval_bytes), has_alloc_(has_alloc) {
  if (has_alloc) profile_.sample_types = {{"alloc_objects", "count"}, {"alloc_space", "bytes"}};
  profile_.sample_types.push_back({"inuse_objects", "count"});
  profile_.sample_types.push_back({"inuse_space", "bytes"});
  profile_.default_sample_type = "inuse_space";
  profile_.period_type = {"space", "bytes"};
  profile_.period = std::max<std::int64_t>(1, clamp(interval_bytes));
}

void TextProfile::name_plain_types(const std::string& objects, const std::string& space) {
  profile_.sample_types = {{objects, "count"}, {space, "bytes"}};
  profile_.default_sample_type = space;
  has_alloc_ = false;
}

std::vector<std::uint32_t> TextProfile::stack(Scanner& scanner) {
  std::vector<std::uint32_t> out;
  while (!scanner.at_end()) {
    const std::optional<std::uint64_t> address = scanner.hexadecimal();
    if (!address) throw Broken("\"" + std::string(scanner.word().substr(0, 20)) + "\" is no address");
    const auto [entry, is_new] =
        locations_.try_emplace(*address, static_cast<std::uint32_t>(profile_.locations.size()));
    if (is_new) {
      budget_.charge(sizeof(Location) + 48);  // and about one node of the table
      Location location;
      location.address = *address == 0 ? 0 : *address - 1;
      profile_.locations.push_back(std::move(location));
    }
    budget_.charge(sizeof(std::uint32_t));
    out.push_back(entry->second);
  }
  return out;
}

void TextProfile::add_row(std::vector<std::uint32_t> stack, const Amounts& amounts) {
  sum_.inuse.objects = saturating_add(sum_.inuse.objects, amounts.inuse.objects);
  sum_.inuse.bytes = saturating_add(sum_.inuse.bytes, amounts.inuse.bytes);
  sum_.alloc.objects = saturating_add(sum_.alloc.objects, amounts.alloc.objects);
  sum_.alloc.bytes = saturating_add(sum_.alloc.bytes, amounts.alloc.bytes);
  Sample sample;
  if (has_alloc_) {
    const Amount alloc = unbias(amounts.alloc, interval_bytes_);
    sample.values = {clamp(alloc.objects), clamp(alloc.bytes)};
  }
  const Amount inuse = unbias(amounts.inuse, interval_bytes_);
  sample.values.push_back(clamp(inuse.objects));
  sample.values.push_back(clamp(inuse.bytes));
  if (std::all_of(sample.values.begin(), sample.values.end(), [](std::int64_t value) { return value == 0; }))
    return;
  budget_.charge(sizeof(Sample) + 4 * sizeof(std::int64_t));
  sample.locations = std::move(stack);
  profile_.samples.push_back(std::move(sample));
}

bool is_map_header(std::string_view line) {
  return line.starts_with("MAPPED_LIBRARIES:") || line.starts_with("--- Memory map:");
}

// As in /proc/self/maps: start-limit perms offset device inode path. What is not executable or looks
// otherwise is passed over: both formats end here, and gperftools adds lines of its own ("build=/path").
void TextProfile::add_mapping(std::string_view line) {
  Scanner scanner(line);
  const std::optional<std::uint64_t> start = scanner.hexadecimal();
  if (!start || !scanner.take("-")) return;
  const std::optional<std::uint64_t> limit = scanner.hexadecimal();
  if (!limit || *limit <= *start) return;
  if (scanner.word().find('x') == std::string_view::npos) return;
  const std::optional<std::uint64_t> offset = scanner.hexadecimal();
  if (!offset) return;
  scanner.word();  // device
  scanner.word();  // inode
  std::string_view file = scanner.rest();
  constexpr std::string_view kDeleted = " (deleted)";
  if (file.ends_with(kDeleted)) file.remove_suffix(kDeleted.size());
  budget_.charge(sizeof(Mapping) + file.size());
  Mapping mapping;
  mapping.start = *start;
  mapping.limit = *limit;
  mapping.offset = *offset;
  mapping.file = std::string(file);
  profile_.mappings.push_back(std::move(mapping));
}

void TextProfile::read_map(Lines& lines) {
  while (lines.next()) add_mapping(lines.line());
  std::vector<std::uint32_t> by_start(profile_.mappings.size());
  for (std::uint32_t i = 0; i < by_start.size(); ++i) by_start[i] = i;
  std::sort(by_start.begin(), by_start.end(), [this](std::uint32_t a, std::uint32_t b) {
    return profile_.mappings[a].start < profile_.mappings[b].start;
  });
  for (Location& location : profile_.locations) {
    const auto after = std::upper_bound(
        by_start.begin(), by_start.end(), location.address,
        [this](std::uint64_t address, std::uint32_t i) { return address < profile_.mappings[i].start; });
    if (after == by_start.begin()) continue;
    const std::uint32_t candidate = *(after - 1);
    if (location.address < profile_.mappings[candidate].limit) location.mapping = candidate;
  }
}

Profile TextProfile::take() { return std::move(profile_); }

}  // namespace holdfast::profile
