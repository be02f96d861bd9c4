// The sites of a profile as a verdict sees them, named after the program's own code rather than the
// allocator's. Pure, any thread; allocates in proportion to the profile.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "profile/profile.h"

namespace holdfast::diagnose {

struct Frame {
  std::string function;  // for people: arguments shortened; "libfoo.so+0x12" where no name is known
  std::string file;      // empty when unknown
  std::int64_t line = 0;
  std::string module;  // base name of the mapping's file
  bool is_plumbing = false;
  bool operator==(const Frame&) const = default;
};

// A stack, leaf first, inlined frames included. Sites of one profile share the frames themselves, so copies
// are cheap and 100,000 deep stacks fit into memory.
class FrameList {
 public:
  using Table = std::shared_ptr<const std::vector<Frame>>;

  class Iterator {
   public:
    using value_type = Frame;
    using difference_type = std::ptrdiff_t;
    using iterator_category = std::forward_iterator_tag;

    Iterator() = default;
    Iterator(const FrameList* list, std::size_t at) : list_(list), at_(at) {}
    const Frame& operator*() const { return (*list_)[at_]; }
    const Frame* operator->() const { return &(*list_)[at_]; }
    Iterator& operator++() {
      ++at_;
      return *this;
    }
    Iterator operator++(int) { return Iterator(list_, at_++); }
    bool operator==(const Iterator&) const = default;

   private:
    const FrameList* list_ = nullptr;
    std::size_t at_ = 0;
  };

  FrameList() = default;
  FrameList(Table table, std::vector<std::uint32_t> indices)
      : table_(std::move(table)), indices_(std::move(indices)) {}

  std::size_t size() const { return indices_.size(); }
  bool empty() const { return indices_.empty(); }
  const Frame& operator[](std::size_t i) const { return (*table_)[indices_[i]]; }
  Iterator begin() const { return {this, 0}; }
  Iterator end() const { return {this, size()}; }

 private:
  Table table_;
  std::vector<std::uint32_t> indices_;
};

struct Site {
  // 16 hex digits of the normalised application functions, without addresses and line numbers: the same in
  // every build.
  std::string fingerprint;
  // Of the application frames' places in their modules: the same in every run of one build. 0 when grouped by
  // function.
  std::uint64_t place = 0;
  FrameList frames;             // of its largest row
  // Of its rows, most bytes in use first, at most kMaxStackKeys: what the process itself calls them (base/site_key.h).
  std::vector<std::uint64_t> stack_keys;
  static constexpr std::size_t kMaxStackKeys = 200;
  std::size_t named_frame = 0;  // index of the frame the site is called after: the first that is no plumbing

  double alloc_objects = 0, alloc_bytes = 0, inuse_objects = 0, inuse_bytes = 0;  // unbiased
  bool has_history = false;
  std::uint64_t alloc_samples = 0, freed_samples = 0;
  std::vector<profile::LifetimeCount> lifetimes;  // of the freed ones, ascending bucket
  std::vector<profile::Cohort> live;              // ascending birth
  std::vector<profile::SizeStep> size_steps;      // ascending time
  // "tenant=acme" and its share of the bytes in use; largest first.
  std::vector<std::pair<std::string, double>> labels;

  // "make_handler(...)", with file and line or the module where known.
  std::string name() const;
};

// What counts as one site.
enum class Grouping {
  place,     // one line of calls through the program's own code: what a verdict judges, as two allocations of
             // one function may have different fates
  function,  // the same functions, in any build: for comparing processes, and for tables
};

// Largest bytes in use first. Sums over the rows of each site; labels, and what differs only in plumbing, do
// not make another site. Rows without frames are one site, "[no stack]".
std::vector<Site> sites_of(const profile::Profile& profile, Grouping grouping = Grouping::place);

}  // namespace holdfast::diagnose
