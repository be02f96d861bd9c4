// What scrapers of /debug/pprof/delta_heap last saw: for each name they give, the allocations of every row at
// that time. Bounded: the name unused for longest makes room. One caller at a time; allocates.
#pragma once

#include <cstdint>
#include <list>
#include <string>
#include <vector>

#include "profile/profile.h"

namespace holdfast::serve {

class DeltaBases {
 public:
  // 24 bytes for each row: under 400 KB for a name at the default limit of rows.
  static constexpr std::size_t kMaxNames = 8;
  static constexpr std::size_t kMaxNameBytes = 64;

  // `now` with its alloc_* values counted since the last call with this name, or since the recording started
  // where there was none; in-use values as they are, rows of nothing but zeros dropped, duration_nanos set,
  // no history. `now` is the base of the next call. Nothing is negative: a row that fell from sight and came
  // back counts from its base.
  profile::Profile since(const std::string& name, profile::Profile now);

  std::size_t size() const { return bases_.size(); }

 private:
  struct Row {
    std::uint64_t key;
    std::int64_t objects, bytes;
  };
  struct Base {
    std::string name;
    std::int64_t time_nanos = 0;
    std::vector<Row> rows;  // by key
  };
  static std::uint64_t key_of(const profile::Profile& profile, const profile::Sample& sample);

  std::list<Base> bases_;  // last used first
};

}  // namespace holdfast::serve
