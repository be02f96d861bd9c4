// Field numbers of the history's message, version 1. Part of the file format: never reuse or renumber.
// Shared by the carrier's encoder and decoder only.
#pragma once

#include <protozero/types.hpp>
#include <string_view>

namespace holdfast::profile::fields {

inline constexpr std::string_view kCarrierPrefix = "#holdfast:";
inline constexpr std::string_view kCarrierVersion = "1:";

enum class History : protozero::pbf_tag_type {
  uptime_ns = 1,         // int64
  process_id = 2,        // uint64
  process_start_ns = 3,  // int64
  work_unit = 4,         // string
  work_times = 5,        // packed sint64: each the difference from the one before
  work_values = 6,       // packed double, as many
  interval_times = 7,    // packed sint64, differences
  interval_bytes = 8,    // packed uint64, as many
  unwinder = 9,          // string
  allocator = 10,        // string
  counter = 11,          // repeated Counter
  site = 12,             // repeated Site
  memory_rss = 13,       // uint64; present with a memory table
  memory_part = 14,      // repeated MemoryPart
  memory_fact = 15,      // repeated MemoryPart
};
enum class MemoryPart : protozero::pbf_tag_type { name = 1, bytes = 2 };  // string, sint64
enum class Counter : protozero::pbf_tag_type { name = 1, value = 2 };
enum class Site : protozero::pbf_tag_type {
  key = 1,             // fixed64: stack_key of its sample
  alloc_samples = 2,   // uint64
  freed_samples = 3,   // uint64
  lifetimes = 4,       // packed uint64: buckets skipped, count, buckets skipped, count, ...
  births_us = 5,       // packed sint64, differences; one per cohort, and so are the following up to variance
  samples = 6,         // packed uint64
  objects = 7,         // packed float; absent when each equals its samples (exact mode)
  bytes = 8,           // packed uint64, when all are whole numbers (exact mode)
  bytes_sampled = 9,   // packed float, otherwise
  bytes_squared = 10,  // packed float; absent when squares_of_one_size() comes close enough
  variance = 11,       // packed float; absent when variance_of_one_size() comes close enough
  step_times = 12,     // packed sint64, differences
  step_sizes = 13,     // packed uint64, as many
};

}  // namespace holdfast::profile::fields
