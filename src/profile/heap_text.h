// What the two text formats share: lines, numbers, stacks of addresses, memory maps, and the unbiasing of
// rows. Inside the decoders only; throws Broken.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "profile/broken.h"
#include "profile/profile.h"

namespace holdfast::profile {

// Takes text apart from the left. All functions skip leading blanks and move on only when they succeed.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : left_(text) {}

  bool take(std::string_view literal);         // exactly these characters
  std::optional<std::uint64_t> decimal();      // throws Broken when it does not fit
  std::optional<std::uint64_t> hexadecimal();  // with or without 0x; the same
  std::string_view word();                     // up to the next blank
  std::string_view rest();                     // without surrounding blanks
  bool at_end();

 private:
  void skip_blanks();
  std::optional<std::uint64_t> number(int base);

  std::string_view left_;
};

// Lines without their ends ("\n", "\r\n"), numbered from 1.
class Lines {
 public:
  explicit Lines(std::string_view text) : left_(text) {}
  bool next();  // false at the end
  std::string_view line() const { return line_; }
  std::size_t number() const { return number_; }

 private:
  std::string_view left_;
  std::string_view line_;
  std::size_t number_ = 0;
};

// Objects and bytes of one row.
struct Amount {
  std::uint64_t objects = 0;
  std::uint64_t bytes = 0;
};

// "objects: bytes" and "[objects: bytes]" as both formats write them.
struct Amounts {
  Amount inuse;
  Amount alloc;
};
std::optional<Amounts> scan_amounts(Scanner& scanner);

// What a row sampled at mean interval `interval_bytes` stands for; 0 and 1 leave it as it is.
Amount unbias(Amount amount, std::uint64_t interval_bytes);

// Collects rows into a Profile; equal addresses share a location.
class TextProfile {
 public:
  TextProfile(std::size_t limit_bytes, std::uint64_t interval_bytes, bool has_alloc);

  // Names of the two types of a profile without allocation totals ("inuse" or, for growth, nothing).
  void name_plain_types(const std::string& objects, const std::string& space);

  // The addresses that the scanner holds, then the row; all-zero rows are dropped.
  std::vector<std::uint32_t> stack(Scanner& scanner);
  void add_row(std::vector<std::uint32_t> stack, const Amounts& amounts);

  // Reads the lines after MAPPED_LIBRARIES or "--- Memory map: ---"; gives locations their mappings.
  void read_map(Lines& lines);

  const Amounts& sum() const { return sum_; }  // of the rows, before unbiasing
  Profile take();

 private:
  void add_mapping(std::string_view line);

  Budget budget_;
  std::uint64_t interval_bytes_;
  bool has_alloc_;
  Amounts sum_;
  Profile profile_;
  std::unordered_map<std::uint64_t, std::uint32_t> locations_;
};

bool is_map_header(std::string_view line);

}  // namespace holdfast::profile
