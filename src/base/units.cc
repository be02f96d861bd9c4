#include "base/units.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <optional>

namespace holdfast::base {
namespace {

constexpr double kKibi = 1024.0;
constexpr double kKilo = 1000.0;

struct Unit {
  std::string_view name;  // lower case
  double factor;
};

constexpr std::array kByteUnits = {
    Unit{"", 1},
    Unit{"b", 1},
    Unit{"k", kKibi},
    Unit{"kib", kKibi},
    Unit{"kb", kKilo},
    Unit{"m", kKibi* kKibi},
    Unit{"mib", kKibi* kKibi},
    Unit{"mb", kKilo* kKilo},
    Unit{"g", kKibi* kKibi* kKibi},
    Unit{"gib", kKibi* kKibi* kKibi},
    Unit{"gb", kKilo* kKilo* kKilo},
    Unit{"t", kKibi* kKibi* kKibi* kKibi},
    Unit{"tib", kKibi* kKibi* kKibi* kKibi},
    Unit{"tb", kKilo* kKilo* kKilo* kKilo},
};

// Factors in nanoseconds.
constexpr std::array kTimeUnits = {
    Unit{"ns", 1},   Unit{"us", 1e3},   Unit{"ms", 1e6},   Unit{"s", 1e9},
    Unit{"m", 60e9}, Unit{"min", 60e9}, Unit{"h", 3600e9}, Unit{"d", 86'400e9},
};

template <std::size_t N>
std::optional<double> factor_of(const std::array<Unit, N>& units, std::string_view name) {
  for (const Unit& unit : units) {
    if (unit.name == name) return unit.factor;
  }
  return std::nullopt;
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// A number and the letters after it, cut off the front of `text`; spaces around either are dropped.
struct Quantity {
  double number;
  std::string unit;  // lower case
};

std::string_view trim_front(std::string_view text) {
  const std::size_t start = text.find_first_not_of(" \t");
  return start == std::string_view::npos ? std::string_view{} : text.substr(start);
}

std::optional<Quantity> take_quantity(std::string_view& text) {
  text = trim_front(text);
  // from_chars alone would take "inf" and "nan"; a sign is refused with them.
  if (text.empty() || !((text[0] >= '0' && text[0] <= '9') || text[0] == '.')) return std::nullopt;
  Quantity quantity{};
  const auto [end, failure] =
      std::from_chars(text.data(), text.data() + text.size(), quantity.number, std::chars_format::fixed);
  if (failure != std::errc{}) return std::nullopt;
  text = trim_front(text.substr(static_cast<std::size_t>(end - text.data())));
  while (!text.empty() && lower(text[0]) >= 'a' && lower(text[0]) <= 'z') {
    quantity.unit += lower(text[0]);
    text.remove_prefix(1);
  }
  text = trim_front(text);
  return quantity;
}

std::string quoted(std::string_view text) {
  constexpr std::size_t kShown = 60;
  return "'" + std::string(text.substr(0, kShown)) + (text.size() > kShown ? "...'" : "'");
}

std::string print(double number, int decimals, const char* unit) {
  char buffer[64];
  std::snprintf(buffer, sizeof buffer, "%.*f %s", decimals, number, unit);
  return buffer;
}

// 2^63, the first double that no longer fits.
constexpr double kTooLarge = 9223372036854775808.0;

}  // namespace

Result<std::uint64_t> parse_bytes(std::string_view text) {
  std::string_view rest = text;
  const auto quantity = take_quantity(rest);
  const auto factor = quantity ? factor_of(kByteUnits, quantity->unit) : std::nullopt;
  if (!factor || !rest.empty()) {
    return Error{quoted(text) + " is not a size", "write bytes with a unit, such as 512KiB, 64MiB or 1.5GB"};
  }
  const double bytes = std::round(quantity->number * *factor);
  if (!(bytes < kTooLarge)) return Error{quoted(text) + " is too large a size", "the largest is 8388607 TiB"};
  return static_cast<std::uint64_t>(bytes);
}

Result<std::chrono::nanoseconds> parse_duration(std::string_view text) {
  const Error refused{quoted(text) + " is not a duration",
                      "write a number with a unit, such as 10s, 15min or 1h30min"};
  if (text == "0") return std::chrono::nanoseconds{0};
  double total_ns = 0;
  std::string_view rest = text;
  do {
    const auto quantity = take_quantity(rest);
    const auto factor = quantity ? factor_of(kTimeUnits, quantity->unit) : std::nullopt;
    if (!factor) return refused;
    total_ns += quantity->number * *factor;
  } while (!rest.empty());
  total_ns = std::round(total_ns);
  if (!(total_ns < kTooLarge))
    return Error{quoted(text) + " is too long a duration", "the longest is 292 years"};
  return std::chrono::nanoseconds{static_cast<std::int64_t>(total_ns)};
}

std::string format_bytes(double bytes) {
  static constexpr std::array kNames = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
  std::size_t unit = 0;
  // 1023.95 would print as "1024.0": it already belongs to the next unit.
  while (std::fabs(bytes) >= 1023.95 && unit + 1 < kNames.size()) {
    bytes /= kKibi;
    ++unit;
  }
  const bool whole = unit == 0 && bytes == std::round(bytes);
  return print(bytes + 0.0, whole ? 0 : 1, kNames[unit]);
}

std::string format_growth(double bytes) { return (bytes >= 0 ? "+" : "") + format_bytes(bytes); }

std::string format_duration(std::chrono::nanoseconds duration) {
  static constexpr std::array kSteps = {Unit{"d", 86'400e9}, Unit{"h", 3600e9}, Unit{"min", 60e9},
                                        Unit{"s", 1e9},      Unit{"ms", 1e6},   Unit{"us", 1e3}};
  const auto ns = static_cast<double>(duration.count());
  for (const Unit& step : kSteps) {
    const double number = ns / step.factor;
    if (std::fabs(number) < 1) continue;
    const bool whole = std::fabs(number) >= 9.95 || number == std::round(number);
    return print(number, whole ? 0 : 1, step.name.data());
  }
  return duration.count() == 0 ? "0 s" : print(ns, 0, "ns");
}

std::string format_rate(double bytes_per_second) {
  // An hour is how leaks are told; past 1 GiB/h a shorter period reads better.
  constexpr double kGibi = kKibi * kKibi * kKibi;
  const double per_hour = bytes_per_second * 3600;
  if (std::fabs(per_hour) < kGibi) return format_bytes(per_hour) + "/h";
  const double per_minute = bytes_per_second * 60;
  if (std::fabs(per_minute) < kGibi) return format_bytes(per_minute) + "/min";
  return format_bytes(bytes_per_second) + "/s";
}

std::string format_count(std::int64_t count) {
  std::string digits = std::to_string(count);
  const std::size_t first = count < 0 ? 1 : 0;
  for (std::size_t place = digits.size(); place > first + 3; place -= 3) digits.insert(place - 3, ",");
  return digits;
}

}  // namespace holdfast::base
