// The stacks of a profile explained: which frames people see, and the two hashes that tell sites apart (see
// site.h). Called by site.cc only. Each function and location is explained once, however many rows hold it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "diagnose/site.h"
#include "profile/profile.h"

namespace holdfast::diagnose {

class Stacks {
 public:
  // `profile` must outlive this; its indices are valid.
  explicit Stacks(const profile::Profile& profile);

  struct Keys {
    std::uint64_t fingerprint = 0;
    std::uint64_t place = 0;
  };

  Keys keys(const profile::Sample& sample) const;
  FrameList frames(const profile::Sample& sample) const;

 private:
  // One location: its frames are the table's [first, first + count).
  struct Explained {
    std::uint32_t first = 0;
    std::uint32_t count = 0;
    std::uint64_t place = 0;
    bool is_application = false;
  };

  void explain(const profile::Location& location);
  std::string module_of(const profile::Location& location) const;

  const profile::Profile& profile_;
  std::shared_ptr<std::vector<Frame>> table_;
  std::vector<std::uint64_t> names_;  // hash of each table entry's normalised function
  std::vector<Explained> locations_;
  // Of a function in a mapping: its first entry in the table.
  std::unordered_map<std::uint64_t, std::uint32_t> functions_;
};

}  // namespace holdfast::diagnose
