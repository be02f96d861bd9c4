// What a heap profile must carry beyond pprof's four values so that a verdict can be told from one snapshot: when live
// blocks were born, how long freed ones lived, how much work the program did meanwhile, and how the sampling was set.
// Times are nanoseconds since recording began. Weights are unbiased: an allocation of s bytes sampled at mean interval R
// with p = 1 - exp(-s/R) stands for 1/p objects and s/p bytes; in exact mode p = 1.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/lifetime_buckets.h"
#include "profile/memory_table.h"

namespace holdfast::profile {

// Buckets of lifetimes: base/lifetime_buckets.h has their edges.
using base::kLifetimeBuckets;
using base::kLifetimeOctaves;
using base::lifetime_bucket;
using base::lifetime_bucket_start_ns;

// Live samples of one site born at about the same time.
struct Cohort {
  std::int64_t birth_ns = 0;     // mean birth of its members
  std::uint64_t samples = 0;     // how many were sampled
  double objects = 0;            // sum of 1/p
  double bytes = 0;              // sum of s/p
  double bytes_squared = 0;      // sum of (s/p)^2, for intervals
  double variance = 0;           // sum of (1-p) * (s/p)^2, the sampling variance of `bytes`
  bool operator==(const Cohort&) const = default;
};

struct LifetimeCount {
  std::int32_t bucket = 0;
  std::uint64_t samples = 0;  // freed samples whose lifetime fell into the bucket
  bool operator==(const LifetimeCount&) const = default;
};

// An allocation at least 1.5 times as large as any before it at this site: what a growing container leaves behind.
struct SizeStep {
  std::int64_t time_ns = 0;
  std::uint64_t size = 0;
  bool operator==(const SizeStep&) const = default;
};

// One site's history; belongs to one Sample of the profile (same stack, same labels).
struct SiteHistory {
  std::uint32_t sample = 0;               // index into Profile::samples
  std::uint64_t alloc_samples = 0;        // sampled allocations so far
  std::uint64_t freed_samples = 0;        // of which freed
  std::vector<LifetimeCount> lifetimes;   // of the freed ones, ascending bucket, no zero counts
  std::vector<Cohort> live;               // ascending birth
  std::vector<SizeStep> size_steps;       // ascending time, the last few only
  bool operator==(const SiteHistory&) const = default;
};

// Work done by a moment; between two points it is linear. Ascending in both; the first point is (0, 0),
// the last is (uptime_ns, total).
struct WorkPoint {
  std::int64_t time_ns = 0;
  double work = 0;
  bool operator==(const WorkPoint&) const = default;
};

// From `time_ns` on, samples were taken with this mean interval (1 = every allocation, 0 = stopped).
struct IntervalChange {
  std::int64_t time_ns = 0;
  std::uint64_t interval_bytes = 0;
  bool operator==(const IntervalChange&) const = default;
};

// A counter of something dropped or degraded: "region full", "stacks truncated".
struct Counter {
  std::string name;
  std::uint64_t value = 0;
  bool operator==(const Counter&) const = default;
};

struct HeapHistory {
  std::int64_t uptime_ns = 0;               // from the start of recording to the snapshot
  std::uint64_t process_id = 0;             // with process_start_ns, tells whether two snapshots are of one process
  std::int64_t process_start_ns = 0;        // recording's start, wall clock, ns since the epoch
  std::string work_unit;                    // "requests" when the program counts its work, else "bytes allocated"
  std::vector<WorkPoint> work;
  std::vector<IntervalChange> intervals;
  std::string unwinder;                     // "eh_frame", "frame_pointers", ...
  std::string allocator;                    // behind the hook: "glibc", "tcmalloc", "jemalloc", ...
  std::optional<MemoryTable> memory;        // where the resident memory is; absent where it could not be read
  std::vector<Counter> counters;            // drops and the like; zero ones are left out
  std::vector<SiteHistory> sites;           // at most one per sample; samples without one are foreign or folded
  bool operator==(const HeapHistory&) const = default;
};

}  // namespace holdfast::profile
