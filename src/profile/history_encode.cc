#include <algorithm>
#include <cmath>
#include <limits>
#include <protozero/pbf_builder.hpp>
#include <vector>

#include "base/gzip.h"
#include "profile/base64.h"
#include "profile/history_carrier.h"
#include "profile/history_fields.h"
#include "profile/stack_key.h"

namespace holdfast::profile {
namespace {

template <typename Field>
using Builder = protozero::pbf_builder<Field>;

// One column of a list of rows as a packed field.
template <typename Field, typename Rows, typename Column>
void add_numbers(Builder<Field>& out, Field field, const Rows& rows, Column column) {
  std::vector<std::uint64_t> values;
  for (const auto& row : rows) values.push_back(column(row));
  out.add_packed_uint64(field, values.begin(), values.end());
}

template <typename Field, typename Rows, typename Column>
void add_doubles(Builder<Field>& out, Field field, const Rows& rows, Column column) {
  std::vector<double> values;
  for (const auto& row : rows) values.push_back(column(row));
  out.add_packed_double(field, values.begin(), values.end());
}

// Times as differences: small numbers, and the subtraction wraps so that any times come back.
template <typename Field, typename Rows, typename Column>
void add_times(Builder<Field>& out, Field field, const Rows& rows, Column column) {
  std::vector<std::int64_t> values;
  std::uint64_t before = 0;
  for (const auto& row : rows) {
    const auto now = static_cast<std::uint64_t>(column(row));
    values.push_back(static_cast<std::int64_t>(now - before));
    before = now;
  }
  out.add_packed_sint64(field, values.begin(), values.end());
}

template <typename Field, typename Rows, typename Column>
void add_floats(Builder<Field>& out, Field field, const Rows& rows, Column column) {
  std::vector<float> values;
  for (const auto& row : rows) values.push_back(column(row));
  out.add_packed_float(field, values.begin(), values.end());
}

// The nearest float; what is beyond all floats becomes the greatest, since the decoder takes finite numbers
// only.
float nearest(double value) {
  constexpr double kGreatest = std::numeric_limits<float>::max();
  return static_cast<float>(std::min(value, kGreatest));
}

bool is_whole(double value) { return value >= 0 && value < 0x1.0p53 && value == std::floor(value); }

// Three roundings of 2^-24 each, at most.
bool is_close(double value, double wanted) { return std::abs(value - wanted) <= 2.5e-7 * wanted; }

// `cohort` as the decoder will see it, before its second moments are known.
Cohort rounded(const Cohort& cohort, bool bytes_are_whole) {
  Cohort out = cohort;
  if (out.objects != static_cast<double>(out.samples)) out.objects = nearest(out.objects);
  if (!bytes_are_whole) out.bytes = nearest(out.bytes);
  return out;
}

void add_live(Builder<fields::Site>& out, const std::vector<Cohort>& live) {
  const bool bytes_are_whole =
      std::all_of(live.begin(), live.end(), [](const Cohort& c) { return is_whole(c.bytes); });
  bool counts_all = true;
  bool squares_follow = true;
  bool variances_follow = true;
  for (const Cohort& cohort : live) {
    Cohort seen = rounded(cohort, bytes_are_whole);
    seen.bytes_squared = squares_of_one_size(seen);
    counts_all &= seen.objects == static_cast<double>(seen.samples);
    squares_follow &= is_close(seen.bytes_squared, cohort.bytes_squared);
    variances_follow &= is_close(variance_of_one_size(seen), cohort.variance);
  }
  add_times(out, fields::Site::births_us, live, [](const Cohort& c) { return c.birth_ns / 1000; });
  add_numbers(out, fields::Site::samples, live, [](const Cohort& c) { return c.samples; });
  if (!counts_all)
    add_floats(out, fields::Site::objects, live, [](const Cohort& c) { return nearest(c.objects); });
  if (bytes_are_whole) {
    add_numbers(out, fields::Site::bytes, live,
                [](const Cohort& c) { return static_cast<std::uint64_t>(c.bytes); });
  } else {
    add_floats(out, fields::Site::bytes_sampled, live, [](const Cohort& c) { return nearest(c.bytes); });
  }
  if (!squares_follow) {
    add_floats(out, fields::Site::bytes_squared, live,
               [](const Cohort& c) { return nearest(c.bytes_squared); });
  }
  if (!variances_follow) {
    add_floats(out, fields::Site::variance, live, [](const Cohort& c) { return nearest(c.variance); });
  }
}

void add_site(Builder<fields::History>& parent, std::uint64_t key, const SiteHistory& site) {
  Builder<fields::Site> out(parent, fields::History::site);
  out.add_fixed64(fields::Site::key, key);
  out.add_uint64(fields::Site::alloc_samples, site.alloc_samples);
  if (site.freed_samples != 0) out.add_uint64(fields::Site::freed_samples, site.freed_samples);
  std::vector<std::uint64_t> lifetimes;
  std::int64_t next_bucket = 0;
  for (const LifetimeCount& count : site.lifetimes) {
    lifetimes.push_back(static_cast<std::uint64_t>(count.bucket - next_bucket));
    lifetimes.push_back(count.samples);
    next_bucket = std::int64_t{count.bucket} + 1;
  }
  out.add_packed_uint64(fields::Site::lifetimes, lifetimes.begin(), lifetimes.end());
  add_live(out, site.live);
  add_times(out, fields::Site::step_times, site.size_steps, [](const SizeStep& s) { return s.time_ns; });
  add_numbers(out, fields::Site::step_sizes, site.size_steps, [](const SizeStep& s) { return s.size; });
}

void add_memory(Builder<fields::History>& out, const MemoryTable& memory) {
  out.add_uint64(fields::History::memory_rss, memory.rss);
  const auto add = [&out](fields::History field, const MemoryPart& part) {
    Builder<fields::MemoryPart> nested(out, field);
    nested.add_string(fields::MemoryPart::name, part.name);
    nested.add_sint64(fields::MemoryPart::bytes, part.bytes);
  };
  for (const MemoryPart& part : memory.parts) add(fields::History::memory_part, part);
  for (const MemoryPart& fact : memory.facts) add(fields::History::memory_fact, fact);
}

std::string history_message(const Profile& profile) {
  const HeapHistory& history = *profile.history;
  std::string bytes;
  Builder<fields::History> out(bytes);
  out.add_int64(fields::History::uptime_ns, history.uptime_ns);
  out.add_uint64(fields::History::process_id, history.process_id);
  out.add_int64(fields::History::process_start_ns, history.process_start_ns);
  out.add_string(fields::History::work_unit, history.work_unit);
  add_times(out, fields::History::work_times, history.work, [](const WorkPoint& p) { return p.time_ns; });
  add_doubles(out, fields::History::work_values, history.work, [](const WorkPoint& p) { return p.work; });
  add_times(out, fields::History::interval_times, history.intervals,
            [](const IntervalChange& c) { return c.time_ns; });
  add_numbers(out, fields::History::interval_bytes, history.intervals,
              [](const IntervalChange& c) { return c.interval_bytes; });
  out.add_string(fields::History::unwinder, history.unwinder);
  out.add_string(fields::History::allocator, history.allocator);
  for (const Counter& counter : history.counters) {
    Builder<fields::Counter> nested(out, fields::History::counter);
    nested.add_string(fields::Counter::name, counter.name);
    nested.add_uint64(fields::Counter::value, counter.value);
  }
  if (history.memory) add_memory(out, *history.memory);
  for (const SiteHistory& site : history.sites)
    add_site(out, stack_key(profile, profile.samples[site.sample]), site);
  return bytes;
}

}  // namespace

bool is_carrier(std::string_view comment) noexcept { return comment.starts_with(fields::kCarrierPrefix); }

double squares_of_one_size(const Cohort& cohort) noexcept {
  return cohort.samples == 0 ? 0 : cohort.bytes * cohort.bytes / static_cast<double>(cohort.samples);
}

double variance_of_one_size(const Cohort& cohort) noexcept {
  const auto samples = static_cast<double>(cohort.samples);
  return cohort.objects <= samples ? 0 : (1 - samples / cohort.objects) * squares_of_one_size(cohort);
}

std::string encode_history(const Profile& profile) {
  std::string comment(fields::kCarrierPrefix);
  comment += fields::kCarrierVersion;
  comment += base64_encode(base::zlib_deflate(history_message(profile)));
  return comment;
}

}  // namespace holdfast::profile
