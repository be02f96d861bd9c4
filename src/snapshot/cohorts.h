// Live samples summed by site and time of birth while the recorder's locks are held: a hash table on mapped pages, sized
// before each lock is taken, so that nothing is allocated under it. One owner thread.
#pragma once

#include <cstdint>

#include "base/lifetime_buckets.h"
#include "base/random.h"
#include "base/raw_memory.h"
#include "record/weight.h"

namespace holdfast::snapshot {

class CohortTable {
 public:
  struct Entry {
    std::uint64_t key;  // site << 32 | bin, plus 1; 0 = empty
    std::uint64_t samples;
    double births_ns;   // sum
    double objects;
    double bytes;
    double bytes_squared;
    double variance;

    std::uint32_t site() const noexcept { return static_cast<std::uint32_t>((key - 1) >> 32); }
  };

  explicit CohortTable(std::int64_t uptime_ns) noexcept : uptime_ns_(uptime_ns > 0 ? uptime_ns : 1) {}

  // Room for `more` further cohorts; false when memory is short.
  bool make_room(std::size_t more) noexcept {
    if ((used_ + more) * 2 <= table_.size()) return true;
    std::size_t size = table_.size() == 0 ? 4096 : table_.size();
    while ((used_ + more) * 2 > size) size *= 2;
    base::RawVector<Entry> old;
    if (!old.resize(table_.size())) return false;
    for (std::size_t i = 0; i < table_.size(); ++i) old[i] = table_[i];
    if (!table_.resize(size)) return false;
    for (Entry& e : table_) e = Entry{};
    for (const Entry& e : old) {
      if (e.key != 0) slot(e.key) = e;
    }
    return true;
  }

  // Counts one live sample; there is room.
  void add(std::uint32_t site, std::int64_t birth_ns, const record::Weight& w) noexcept {
    Entry& e = slot((std::uint64_t{site} << 32 | bin(birth_ns)) + 1);
    if (e.key == 0) {
      e.key = (std::uint64_t{site} << 32 | bin(birth_ns)) + 1;
      ++used_;
    }
    ++e.samples;
    e.births_ns += static_cast<double>(birth_ns);
    e.objects += w.objects;
    e.bytes += w.bytes;
    e.bytes_squared += w.bytes * w.bytes;
    e.variance += w.variance;
  }

  const Entry* begin() const noexcept { return table_.begin(); }
  const Entry* end() const noexcept { return table_.end(); }

 private:
  // Births fall together only where no question of the verdict could tell them apart: same bucket of age (four per
  // octave) and same 1/128 of the recording's time.
  std::uint32_t bin(std::int64_t birth_ns) const noexcept {
    const std::int64_t born = birth_ns < 0 ? 0 : birth_ns < uptime_ns_ ? birth_ns : uptime_ns_ - 1;
    const auto age = static_cast<std::uint32_t>(
        base::lifetime_bucket(static_cast<std::uint64_t>(uptime_ns_ - born)));
    const auto part = static_cast<std::uint32_t>(static_cast<double>(born) * 128 / static_cast<double>(uptime_ns_));
    return age << 8 | part;
  }

  Entry& slot(std::uint64_t key) noexcept {
    for (std::size_t i = base::mix(key) % table_.size();; i = (i + 1) % table_.size()) {
      if (table_[i].key == key || table_[i].key == 0) return table_[i];
    }
  }

  std::int64_t uptime_ns_;
  std::size_t used_ = 0;
  base::RawVector<Entry> table_;
};

}  // namespace holdfast::snapshot
