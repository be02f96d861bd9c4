#include "profile/stack_key.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "profile/utf8.h"

namespace holdfast::profile {
namespace {

class Fnv1a {
 public:
  void byte(std::uint8_t value) { hash_ = (hash_ ^ value) * 0x100000001b3ull; }
  void number(std::uint64_t value) {
    for (int shift = 0; shift < 64; shift += 8) byte(static_cast<std::uint8_t>(value >> shift));
  }
  // With its length, so that "ab","c" and "a","bc" differ.
  void text(std::string_view bytes) {
    const std::string clean = to_utf8(bytes);
    number(clean.size());
    for (char c : clean) byte(static_cast<std::uint8_t>(c));
  }
  std::uint64_t value() const { return hash_; }

 private:
  std::uint64_t hash_ = 0xcbf29ce484222325ull;
};

enum class Part : std::uint8_t { address = 1, names = 2, text_label = 3, number_label = 4 };

// A label without text, number and unit says nothing, and pprof drops it.
bool says_something(const Label& label) {
  return !label.text.empty() || label.number != 0 || !label.unit.empty();
}

bool in_order(const Label* a, const Label* b) {
  return std::tie(a->key, a->text, a->number, a->unit) < std::tie(b->key, b->text, b->number, b->unit);
}

void add_location(Fnv1a& hash, const Profile& profile, const Location& location) {
  if (location.address != 0) {
    hash.byte(static_cast<std::uint8_t>(Part::address));
    hash.number(location.address);
    return;
  }
  hash.byte(static_cast<std::uint8_t>(Part::names));
  for (const Line& line : location.lines) hash.text(profile.functions[line.function].name);
}

void add_label(Fnv1a& hash, const Label& label) {
  hash.byte(static_cast<std::uint8_t>(label.text.empty() ? Part::number_label : Part::text_label));
  hash.text(label.key);
  if (!label.text.empty()) {
    hash.text(label.text);
  } else {
    hash.number(static_cast<std::uint64_t>(label.number));
    hash.text(label.unit);
  }
}

}  // namespace

std::uint64_t stack_key(const Profile& profile, const Sample& sample) {
  Fnv1a hash;
  for (std::uint32_t index : sample.locations) add_location(hash, profile, profile.locations[index]);
  std::vector<const Label*> labels;
  for (const Label& label : sample.labels) {
    if (says_something(label)) labels.push_back(&label);
  }
  std::sort(labels.begin(), labels.end(), in_order);
  for (const Label* label : labels) add_label(hash, *label);
  return hash.value();
}

}  // namespace holdfast::profile
