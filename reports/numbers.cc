#include "reports/numbers.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

namespace holdfast::reports {
namespace {

struct Unit {
  double size;
  const char* name;
};

constexpr std::array<Unit, 5> kUnits = {
    {{1, "B"}, {0x1p10, "KiB"}, {0x1p20, "MiB"}, {0x1p30, "GiB"}, {0x1p40, "TiB"}}};

// The unit in which `bytes` is at least 1.
Unit unit_of(double bytes) {
  Unit unit = kUnits[0];
  for (const Unit& next : kUnits) {
    if (std::abs(bytes) >= next.size) unit = next;
  }
  return unit;
}

std::string digits(double number, int decimals, bool sign) {
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), sign ? "%+.*f" : "%.*f", decimals, number);
  return text.data();
}

std::string with_interval(const diagnose::Estimate& e, std::string_view per, bool sign) {
  // Beyond what a heap can hold, only the order of magnitude of nonsense would follow.
  const auto sane = [](double bytes) { return std::isfinite(bytes) ? std::clamp(bytes, -1e18, 1e18) : 0; };
  const double value = sane(e.value), lower = sane(e.interval.lower), upper = sane(e.interval.upper);
  const Unit unit = unit_of(value != 0 ? value : std::max(std::abs(lower), std::abs(upper)));
  const int decimals =
      std::abs(value) / unit.size < 10 && (unit.size > 1 || value != std::floor(value)) ? 1 : 0;
  std::string text = digits(value / unit.size, decimals, sign) + " " + unit.name + std::string(per);
  if (upper - lower < 0.005 * std::abs(value) || upper == lower) return text;
  // A dash after a minus sign reads badly.
  const char* to = lower < 0 ? " to " : "-";
  return text + " [" + digits(lower / unit.size, decimals, false) + to +
         digits(upper / unit.size, decimals, false) + "]";
}

}  // namespace

std::string bytes_with_interval(const diagnose::Estimate& estimate, std::string_view per) {
  return with_interval(estimate, per, false);
}

std::string growth_with_interval(const diagnose::Estimate& estimate, std::string_view per) {
  return with_interval(estimate, per, true);
}

std::string plural(std::size_t n, std::string_view what) {
  return std::to_string(n) + " " + std::string(what) + (n == 1 ? "" : "s");
}

std::string cell(std::string_view text, std::size_t width) {
  std::string padded(text.size() >= width ? 0 : width - text.size(), ' ');
  return padded.append(text);
}

std::string one_of(std::string_view work_unit) {
  std::string unit(work_unit);
  if (unit.size() > 1 && unit.back() == 's') unit.pop_back();
  return unit;
}

std::string printable(std::string text) {
  for (char& c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x20 && c != '\n') || byte == 0x7f) c = '?';
  }
  return text;
}

}  // namespace holdfast::reports
