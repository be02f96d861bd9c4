#include "snapshot/freeze.h"

#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <optional>
#include <string_view>

#include "record/clock.h"
#include "snapshot/cohorts.h"
#include "snapshot/losses.h"
#include "snapshot/memory_use.h"

namespace holdfast::snapshot {
namespace {

using record::Recorder;
using record::Shard;

// Sums of one site over all shards.
struct Totals {
  std::uint64_t allocs = 0, frees = 0;
  double alloc_objects = 0, alloc_bytes = 0, freed_objects = 0, freed_bytes = 0;
};
struct Lifetime {
  std::uint32_t site;
  std::int32_t bucket;
  std::uint64_t count;
};

// The walk of a span adds at most this many cohorts.
constexpr std::size_t kSlotsPerSpan = record::kSpanBytes / (16 + sizeof(record::Slot)) + 1;

// What is read under one hold of a lock.
constexpr std::uint32_t kSitesAtATime = 512;
constexpr std::uint32_t kBlocksAtATime = 512;

Error no_memory() {
  return {"no memory for a snapshot", "try again, or use a larger sampling interval"};
}

std::int64_t wall_ns() {
  timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

class Freezer {
 public:
  Freezer(Recorder& recorder, std::int64_t now_ns)
      : recorder_(recorder), start_ns_(recorder.started_ns()), cohorts_(now_ns - start_ns_) {}

  bool collect() {
    for (int i = 0; i < Recorder::kShards; ++i) {
      if (!collect_counters(recorder_.shard(i)) || !collect_large(recorder_.shard(i))) return false;
    }
    return collect_spans();
  }

  // What the table of memory needs of the live samples.
  LiveMemory live_memory(std::size_t (*good_size)(std::size_t) noexcept) const {
    LiveMemory live;
    for (const Totals& t : totals_) {
      if (t.allocs != t.frees) live.in_use_bytes += std::max(0.0, t.alloc_bytes - t.freed_bytes);
    }
    live.region_bytes = region_bytes_;
    const auto rounding = [&](std::size_t size, double objects) {
      return good_size == nullptr ? 0 : objects * static_cast<double>(good_size(size) - size);
    };
    for (std::size_t size = 0; size < small_objects_.size(); ++size) {
      // The samples themselves are in the region; what they stand for besides is in the allocator.
      if (small_objects_[size] > 0) live.rounding_bytes += rounding(size, small_objects_[size]);
    }
    for (const LargeSample& block : large_) {
      live.rounding_bytes += rounding(block.size, block.objects);
      if (block.size >= kLargeEnoughToLook) live.large.push_back(block);
    }
    return live;
  }

  std::vector<FrozenSite> sites() {
    std::vector<FrozenSite> sites(totals_.size());
    for (std::size_t id = 0; id < totals_.size(); ++id) fill(sites[id], static_cast<std::uint32_t>(id));
    for (const CohortTable::Entry& e : cohorts_) {
      if (e.key == 0 || e.site() >= sites.size()) continue;
      sites[e.site()].history.live.push_back(
          {static_cast<std::int64_t>(e.births_ns / static_cast<double>(e.samples)), e.samples, e.objects,
           e.bytes, e.bytes_squared, e.variance});
    }
    for (const Lifetime& l : lifetimes_) add_lifetime(sites[l.site].history, l);
    for (FrozenSite& site : sites) {
      std::ranges::sort(site.history.live, {}, &profile::Cohort::birth_ns);
      std::ranges::sort(site.history.lifetimes, {}, &profile::LifetimeCount::bucket);
    }
    std::erase_if(sites, [](const FrozenSite& s) { return s.history.alloc_samples == 0; });
    return sites;
  }

 private:
  // Some sites at a time: no lock is held for longer than reading them takes, some tens of microseconds.
  bool collect_counters(Shard& shard) {
    // Sites entered while we read come in the next snapshot.
    const std::uint32_t count = recorder_.sites().size();
    if (totals_.size() < count && !totals_.resize(count)) return false;
    for (std::uint32_t first = 0; first < count; first += kSitesAtATime) {
      if (!collect_counters(shard, first, std::min(count - first, kSitesAtATime))) return false;
    }
    return true;
  }

  bool collect_counters(Shard& shard, std::uint32_t first, std::uint32_t count) {
    const std::size_t before = lifetimes_.size();
    for (std::size_t room = 4 * kSitesAtATime;; room *= 2) {
      if (!make_lifetime_room(room)) return false;
      bool complete = true;
      {
        const base::SpinGuard guard(shard.lock);
        if (!guard) return false;
        for (std::uint32_t id = first; id < first + count && complete; ++id) {
          const record::SiteCounters* c = shard.counters_if_any(id);
          if (c == nullptr || c->allocs == 0) continue;
          shard.each_lifetime(*c, [&](int bucket, std::uint32_t n) {
            if (lifetimes_.size() == lifetimes_.capacity()) {
              complete = false;
            } else {
              lifetimes_.push_back({id, bucket, n});
            }
          });
        }
        for (std::uint32_t id = first; id < first + count && complete; ++id) add(shard, id);
      }
      if (complete) return true;
      lifetimes_.resize_down(before);
    }
  }

  // Touches the pages now rather than under a lock.
  bool make_lifetime_room(std::size_t more) {
    const std::size_t before = lifetimes_.size();
    if (before + more <= lifetimes_.capacity()) return true;
    if (!lifetimes_.resize(before + more)) return false;
    lifetimes_.resize_down(before);
    return true;
  }

  void add(const Shard& shard, std::uint32_t id) {
    const record::SiteCounters* c = shard.counters_if_any(id);
    if (c == nullptr) return;
    Totals& t = totals_[id];
    t.allocs += c->allocs;
    t.frees += c->frees;
    t.alloc_objects += c->alloc_objects;
    t.alloc_bytes += c->alloc_bytes;
    t.freed_objects += c->freed_objects;
    t.freed_bytes += c->freed_bytes;
  }

  bool collect_large(Shard& shard) {
    for (std::uint32_t first = 0; first < shard.large_used(); first += kBlocksAtATime) {
      if (!cohorts_.make_room(kBlocksAtATime) || !large_.reserve(large_.size() + kBlocksAtATime)) return false;
      const base::SpinGuard guard(shard.lock);
      if (!guard) return false;
      const std::uint32_t end = std::min(first + kBlocksAtATime, shard.large_used());
      for (std::uint32_t i = first; i < end; ++i) {
        const record::LargeBlock& b = *shard.large_at(i);
        if (b.address == 0) continue;
        const record::Weight weight = record::weight_of(b.size, recorder_.interval_of(b.interval_id));
        cohorts_.add(record::index(b.site), b.birth_ns - start_ns_, weight);
        large_.push_back({b.address, b.size, weight.objects});
      }
    }
    return true;
  }

  bool collect_spans() {
    record::Region& region = recorder_.region();
    if (!small_objects_.resize(record::kLargestSmall + 1)) return false;
    for (std::uint32_t i = 0; i < region.span_count(); ++i) {
      record::Span* span = region.span_at(i);
      if (!span->in_use.load(std::memory_order_acquire)) continue;
      if (!cohorts_.make_room(kSlotsPerSpan)) return false;
      const std::uint16_t owner = span->shard;
      const base::SpinGuard guard(recorder_.shard(owner).lock);
      if (!guard) return false;
      // It may have been given back meanwhile, and even taken by another shard: its blocks are then younger
      // than this snapshot.
      if (!span->in_use.load(std::memory_order_acquire) || span->shard != owner) continue;
      for (std::uint32_t s = 0; s < span->touched && s < span->slot_count; ++s) {
        const record::Slot& slot = span->slots[s];
        if (slot.state != record::SlotState::live) continue;
        const record::Weight weight = record::weight_of(slot.size, recorder_.interval_of(slot.interval_id));
        cohorts_.add(record::index(slot.site), slot.birth_ns - start_ns_, weight);
        region_bytes_ += slot.size;
        small_objects_[slot.size] += weight.objects - 1;
      }
    }
    return true;
  }

  void fill(FrozenSite& out, std::uint32_t id) const {
    const Totals& t = totals_[id];
    if (t.allocs == 0) return;
    const record::Site* site = recorder_.sites().at(id);
    if (id != 0 && site != nullptr) out.stack.assign(site->stack, site->stack + site->depth);
    if (id != 0 && site != nullptr) {
      recorder_.labels().each(site->labels, [&](std::string_view key, std::string_view value) {
        out.labels.emplace_back(key, value);
      });
      std::ranges::sort(out.labels);
    }
    out.alloc_objects = t.alloc_objects;
    out.alloc_bytes = t.alloc_bytes;
    // Frees subtract the very weights that were added, but sums of doubles leave dust.
    const bool all_freed = t.allocs == t.frees;
    out.inuse_objects = all_freed ? 0 : std::max(0.0, t.alloc_objects - t.freed_objects);
    out.inuse_bytes = all_freed ? 0 : std::max(0.0, t.alloc_bytes - t.freed_bytes);
    out.history.alloc_samples = t.allocs;
    out.history.freed_samples = t.frees;
    if (site == nullptr) return;
    const record::SizeSteps* steps = site->steps.load(std::memory_order_acquire);
    if (steps == nullptr) return;
    const std::uint32_t count = steps->count;
    for (std::uint32_t i = count - std::min(count, record::SizeSteps::kKept); i < count; ++i) {
      const record::SizeStep& step = steps->step[i % record::SizeSteps::kKept];
      out.history.size_steps.push_back({step.time_ns, step.size});
    }
  }

  static void add_lifetime(profile::SiteHistory& history, const Lifetime& l) {
    for (profile::LifetimeCount& known : history.lifetimes) {
      if (known.bucket == l.bucket) {
        known.samples += l.count;
        return;
      }
    }
    history.lifetimes.push_back({l.bucket, l.count});
  }

  Recorder& recorder_;
  const std::int64_t start_ns_;
  CohortTable cohorts_;
  base::RawVector<Totals> totals_;
  base::RawVector<Lifetime> lifetimes_;
  base::RawVector<LargeSample> large_;
  base::RawVector<double> small_objects_;  // by size, those in the allocator
  double region_bytes_ = 0;
};

void add_work(Recorder& recorder, std::int64_t now_ns, profile::HeapHistory& history) {
  auto points = std::make_unique<std::array<record::WorkClock::Point, record::WorkClock::kPoints + 1>>();
  const std::size_t count = recorder.work().read(now_ns, *points);
  const bool counted = (*points)[count - 1].work > 0;
  history.work_unit = counted ? "requests" : "bytes allocated";
  history.work.push_back({0, 0});
  double last = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const record::WorkClock::Point& p = (*points)[i];
    const std::int64_t time = p.time_ns - recorder.started_ns();
    last = std::max(last, counted ? p.work : p.bytes);
    if (time > history.work.back().time_ns) history.work.push_back({time, last});
  }
}

// The counters, and the same for people. A comment that begins with # is kept by pprof but not printed above
// its reports.
void add_counters(Recorder& recorder, const Surroundings& surroundings, Frozen& frozen) {
  frozen.comments.push_back(std::string("# allocator: ") + surroundings.allocator);
  frozen.comments.push_back(std::string("# hook: ") + surroundings.hook);
  frozen.comments.push_back(std::string("# unwinder: ") + record::name(record::current_unwinder()));
  for (const Loss& loss : losses(recorder)) {
    if (loss.count != 0) frozen.history.counters.push_back({loss.what, loss.count});
    frozen.comments.push_back(std::string("# ") + loss.what + ": " + std::to_string(loss.count));
  }
}

}  // namespace

Result<Frozen> freeze(Recorder& recorder, const Surroundings& surroundings) {
  if (recorder.started_ns() == 0) {
    return Error{"recording has not started", "open a session with start = true, or call start()"};
  }
  const std::int64_t now_ns = record::now_ns();
  Frozen frozen;
  frozen.time_nanos = wall_ns();
  Freezer freezer(recorder, now_ns);
  if (!freezer.collect()) return no_memory();
  if (surroundings.questions != nullptr) {
    frozen.history.memory =
        measure_memory(recorder, freezer.live_memory(surroundings.questions->good_size), *surroundings.questions);
    if (frozen.history.memory) frozen.comments = profile::memory_comments(*frozen.history.memory);
  }
  frozen.sites = freezer.sites();
  frozen.interval_bytes = recorder.interval_bytes();

  profile::HeapHistory& history = frozen.history;
  history.uptime_ns = now_ns - recorder.started_ns();
  history.process_id = static_cast<std::uint64_t>(getpid());
  history.process_start_ns = recorder.started_wall_ns();
  history.unwinder = record::name(record::current_unwinder());
  history.allocator = surroundings.allocator;
  std::array<Recorder::IntervalPoint, 64> changes;
  const std::size_t count = recorder.interval_history(changes.data(), changes.size());
  for (std::size_t i = 0; i < count; ++i) {
    history.intervals.push_back({changes[i].time_ns, changes[i].interval_bytes});
  }
  add_work(recorder, now_ns, history);
  add_counters(recorder, surroundings, frozen);
  return frozen;
}

}  // namespace holdfast::snapshot
