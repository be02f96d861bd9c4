#include "serve/delta_bases.h"

#include <algorithm>
#include <string_view>
#include <utility>

namespace holdfast::serve {
namespace {

// FNV-1a, 64 bits.
class Hash {
 public:
  void add(std::string_view bytes) {
    for (const char c : bytes) add_byte(static_cast<unsigned char>(c));
  }
  void add(std::uint64_t number) {
    for (int shift = 0; shift < 64; shift += 8) add_byte(static_cast<unsigned char>(number >> shift));
  }
  void add_byte(unsigned char byte) { value_ = (value_ ^ byte) * 0x100000001b3ull; }
  std::uint64_t value() const { return value_; }

 private:
  std::uint64_t value_ = 0xcbf29ce484222325ull;
};

bool is_zero(std::int64_t value) { return value == 0; }

}  // namespace

// The row's stack by address and its string labels; a frame without an address by its name without digits, so
// that "12 smaller sites folded" and "15 smaller sites folded" are one row.
std::uint64_t DeltaBases::key_of(const profile::Profile& profile, const profile::Sample& sample) {
  Hash hash;
  for (const std::uint32_t index : sample.locations) {
    const profile::Location& location = profile.locations[index];
    hash.add(location.address);
    if (location.address != 0) continue;
    for (const profile::Line& line : location.lines) {
      for (const char c : profile.functions[line.function].name) {
        if (c < '0' || c > '9') hash.add_byte(static_cast<unsigned char>(c));
      }
    }
  }
  std::vector<std::pair<std::string_view, std::string_view>> labels;
  for (const profile::Label& label : sample.labels) {
    if (!label.text.empty()) labels.emplace_back(label.key, label.text);
  }
  std::ranges::sort(labels);
  for (const auto& [key, text] : labels) {
    hash.add(key);
    hash.add_byte(0);
    hash.add(text);
    hash.add_byte(0);
  }
  return hash.value();
}

profile::Profile DeltaBases::since(const std::string& name, profile::Profile now) {
  auto base = std::ranges::find(bases_, name, &Base::name);
  if (base == bases_.end()) {
    if (bases_.size() == kMaxNames) bases_.pop_back();
    bases_.push_front({.name = name, .time_nanos = 0, .rows = {}});
    base = bases_.begin();
    if (now.history) base->time_nanos = now.time_nanos - now.history->uptime_ns;
  }
  bases_.splice(bases_.begin(), bases_, base);
  now.duration_nanos =
      base->time_nanos == 0 ? 0 : std::max<std::int64_t>(now.time_nanos - base->time_nanos, 0);
  now.history.reset();
  const int objects = profile::value_index(now, "alloc_objects");
  const int bytes = profile::value_index(now, "alloc_space");
  if (objects < 0 || bytes < 0) return now;

  const auto o = static_cast<std::size_t>(objects), b = static_cast<std::size_t>(bytes);
  std::vector<Row> rows;
  rows.reserve(now.samples.size());
  for (profile::Sample& sample : now.samples) {
    const std::uint64_t key = key_of(now, sample);
    rows.push_back({key, sample.values[o], sample.values[b]});
    const auto before = std::ranges::lower_bound(base->rows, key, {}, &Row::key);
    if (before == base->rows.end() || before->key != key) continue;
    // Less than before: its recording was started anew.
    if (sample.values[o] >= before->objects) sample.values[o] -= before->objects;
    if (sample.values[b] >= before->bytes) sample.values[b] -= before->bytes;
  }
  std::ranges::sort(rows, {}, &Row::key);
  base->rows = std::move(rows);
  base->time_nanos = now.time_nanos;
  std::erase_if(now.samples, [](const profile::Sample& s) { return std::ranges::all_of(s.values, is_zero); });
  return now;
}

}  // namespace holdfast::serve
