#include "support/profiles.h"

#include <cmath>

#include "base/random.h"

namespace holdfast::support {
namespace {

using namespace profile;  // NOLINT(google-build-using-namespace): the whole file speaks of profiles

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kNow = 1'700'000'000 * kSecond;

Profile heap_profile() {
  Profile out;
  out.sample_types = {{"alloc_objects", "count"},
                      {"alloc_space", "bytes"},
                      {"inuse_objects", "count"},
                      {"inuse_space", "bytes"}};
  out.default_sample_type = "inuse_space";
  out.period_type = {"space", "bytes"};
  out.time_nanos = kNow;
  return out;
}

HeapHistory small_history() {
  HeapHistory out;
  out.uptime_ns = 600 * kSecond;
  out.process_id = 4242;
  out.process_start_ns = kNow - 600 * kSecond;
  out.work_unit = "requests";
  out.work = {{0, 0}, {300 * kSecond, 1500.5}, {600 * kSecond, 4000}};
  out.intervals = {{0, 524'288}, {60 * kSecond, 65'536}};
  out.unwinder = "eh_frame";
  out.allocator = "glibc";
  out.counters = {{"region full", 3}};
  SiteHistory leaking;
  leaking.sample = 0;
  leaking.alloc_samples = 12;
  leaking.freed_samples = 5;
  leaking.lifetimes = {{0, 1}, {17, 3}, {kLifetimeBuckets - 1, 1}};
  // Whole multiples of powers of two: these survive the carrier's rounding to 24 bits.
  leaking.live = {{10 * kSecond, 1, 1.25, 81'920.25, 25 * 0x1.0p28, 5 * 0x1.0p28},
                  {500 * kSecond, 6, 7.5, 491'521.5, 150 * 0x1.0p28, 30 * 0x1.0p28}};
  leaking.size_steps = {{10 * kSecond, 4096}, {20 * kSecond, 65'536}};
  SiteHistory calm;
  calm.sample = 2;
  calm.alloc_samples = 3;
  calm.live = {{kSecond, 3, 3, 300, 30'000, 0}};
  out.sites = {leaking, calm};
  return out;
}

// One group of `samples` blocks of `size` bytes, sampled at mean interval R.
Cohort cohort(std::int64_t birth_ns, std::uint64_t samples, double size, double interval_bytes) {
  const double p = interval_bytes <= 1 ? 1 : -std::expm1(-size / interval_bytes);
  const double weight = size / p;
  const auto n = static_cast<double>(samples);
  return {birth_ns, samples, n / p, n * weight, n * weight * weight, n * (1 - p) * weight * weight};
}

SiteHistory server_site(base::Random& random, std::uint32_t index, std::size_t cohorts, bool exact) {
  SiteHistory out;
  out.sample = index;
  int bucket = 20;
  for (int i = 0; i < 8; ++i) {
    bucket += 1 + static_cast<int>(random.next() % 8);
    const std::uint64_t freed = 1 + random.next() % 200;
    out.lifetimes.push_back({bucket, freed});
    out.freed_samples += freed;
  }
  std::int64_t birth = 0;
  for (std::size_t i = 0; i < cohorts; ++i) {
    birth += static_cast<std::int64_t>(1 + random.next() % (2 * 3600 * kSecond / (cohorts + 1)));
    const double size = 16 * static_cast<double>(1 + random.next() % 4096);
    const std::uint64_t samples = exact ? 1 + random.next() % 1000 : 1 + random.next() % 3;
    out.live.push_back(cohort(birth, samples, size, exact ? 1 : 524'288));
    out.alloc_samples += samples;
  }
  out.alloc_samples += out.freed_samples;
  return out;
}

}  // namespace

Profile small_profile() {
  Profile out = heap_profile();
  out.period = 65'536;
  out.mappings = {{0x400000, 0x500000, 0x1000, "/usr/bin/server", "0123abcd", true, true, true, true},
                  {0x7f0000000000, 0x7f0000100000, 0, "/usr/lib/libfoo.so.1", "", true, false, false, false}};
  out.functions = {{"store::keep(std::string)", "_ZN5store4keepESs", "/src/store.cc", 40},
                   {"handle(request&)", "_Z6handleR7request", "/src/server.cc", 10},
                   {"main", "main", "/src/main.cc", 1},
                   {"libfoo.so.1+0x1234", "libfoo.so.1+0x1234", "", 0}};
  out.locations = {{0, 0x401000, {{0, 44}, {1, 17}}, false},  // keep() inlined into handle()
                   {0, 0x402000, {{2, 5}}, false},
                   {1, 0x7f0000001234, {{3, 0}}, true}};
  out.samples = {
      {{0, 1}, {40, 3'932'160, 9, 573'442}, {{"tenant", "acme", 0, ""}, {"bytes", "", 65'536, "bytes"}}},
      {{2, 1}, {7, 700, 0, 0}, {}},
      {{2, 0, 1}, {3, 300, 3, 300}, {{"route", "/v1/register", 0, ""}}}};
  out.comments = {"recording since start", "unwinder: eh_frame"};
  out.drop_frames = "holdfast::.*";
  out.keep_frames = "keep_me";
  out.history = small_history();
  return out;
}

Profile server_profile(std::size_t sites, std::size_t cohorts, bool exact) {
  constexpr std::uint32_t kFunctions = 4000;
  constexpr std::uint32_t kFrames = 20;
  base::Random random(7);
  Profile out = heap_profile();
  out.period = exact ? 1 : 524'288;
  out.mappings = {{0x400000, 0x4000000, 0, "/usr/bin/server", "0123abcd", true, false, false, false}};
  for (std::uint32_t i = 0; i < kFunctions; ++i) {
    const std::string name = "server::component_" + std::to_string(i % 60) + "::step_" + std::to_string(i);
    out.functions.push_back({name + "(request const&)", "_ZN6server" + name, "", 0});
    out.locations.push_back({0, 0x400000 + 0x400 * std::uint64_t{i}, {{i, 0}}, false});
  }
  HeapHistory history = small_history();
  history.sites.clear();
  history.uptime_ns = 3600 * kSecond;
  for (std::uint32_t i = 0; i < sites; ++i) {
    Sample sample;
    sample.locations = {i % kFunctions, i / kFunctions};
    while (sample.locations.size() < kFrames) {
      sample.locations.push_back(static_cast<std::uint32_t>(random.next() % (kFunctions / 8)));
    }
    SiteHistory site = server_site(random, i, cohorts, exact);
    double objects = 0;
    double bytes = 0;
    for (const Cohort& group : site.live) {
      objects += group.objects;
      bytes += group.bytes;
    }
    sample.values = {static_cast<std::int64_t>(site.alloc_samples) * 100, std::llround(bytes) * 20,
                     std::llround(objects), std::llround(bytes)};
    out.samples.push_back(std::move(sample));
    history.sites.push_back(std::move(site));
  }
  out.history = std::move(history);
  return out;
}

}  // namespace holdfast::support
