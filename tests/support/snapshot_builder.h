// Builds profiles whose truth is known, for tests of the verdict: sites with births, deaths and sizes.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "profile/profile.h"

namespace holdfast::testing {

// One allocation of a simulated site: born at, freed at (beyond the end: never), bytes. Seconds.
struct Life {
  double born = 0;
  double died = 1e18;
  double bytes = 0;
};

class SnapshotBuilder {
 public:
  // `interval` 1 records every life; otherwise each is sampled with 1 - exp(-bytes / interval).
  SnapshotBuilder(double uptime_seconds, std::uint64_t interval, std::uint64_t seed = 1)
      : uptime_(uptime_seconds), interval_(interval), random_(seed) {
    profile_.sample_types = {{"alloc_objects", "count"},
                             {"alloc_space", "bytes"},
                             {"inuse_objects", "count"},
                             {"inuse_space", "bytes"}};
    profile_.default_sample_type = "inuse_space";
    profile_.period_type = {"space", "bytes"};
    profile_.period = static_cast<std::int64_t>(interval);
    profile_.time_nanos = static_cast<std::int64_t>((1e9 + uptime_seconds) * 1e9);
    profile_.mappings.push_back({0x1000, 0x100000, 0, "/opt/server", "abcd", true, false, false, false});
    profile::HeapHistory history;
    history.uptime_ns = ns(uptime_seconds);
    history.process_id = 42;
    history.process_start_ns = 7;
    history.work_unit = "requests";
    history.intervals = {{0, interval}};
    profile_.history = history;
    work([](double t) { return 100 * t; });
  }

  // The work clock: requests done by second t.
  template <typename F>
  SnapshotBuilder& work(F requests_at) {
    std::vector<profile::WorkPoint>& points = profile_.history->work;
    points.clear();
    for (int i = 0; i <= 200; ++i) points.push_back({ns(uptime_ * i / 200), requests_at(uptime_ * i / 200)});
    return *this;
  }

  // A site named `function`, with what became of its lives.
  SnapshotBuilder& site(const std::string& function, const std::vector<Life>& lives) {
    return add(function, lives, true);
  }

  // The same where `lives` are the sampled ones already, as a simulation of only those is much faster.
  SnapshotBuilder& sampled_site(const std::string& function, const std::vector<Life>& samples) {
    return add(function, samples, false);
  }

  // The growing sizes a site has seen: seconds and bytes.
  SnapshotBuilder& size_steps(const std::vector<std::pair<double, std::uint64_t>>& steps) {
    for (const auto& [second, size] : steps)
      profile_.history->sites.back().size_steps.push_back({ns(second), size});
    return *this;
  }

  profile::Profile& profile() { return profile_; }

 private:
  SnapshotBuilder& add(const std::string& function, const std::vector<Life>& lives, bool thin) {
    const auto index = static_cast<std::uint32_t>(profile_.samples.size());
    profile_.functions.push_back({function, function, "", 0});
    profile_.locations.push_back({0, 0x1000 + std::uint64_t{index} * 16, {{index, 0}}, false});
    profile::SiteHistory history;
    history.sample = index;
    std::vector<std::uint64_t> lifetimes(profile::kLifetimeBuckets);
    double sums[4] = {};
    for (const Life& life : lives) {
      if (life.born > uptime_) continue;
      const double p = interval_ <= 1 ? 1 : -std::expm1(-life.bytes / static_cast<double>(interval_));
      if (thin && p < 1 && static_cast<double>(random_.next() >> 11) * 0x1.0p-53 >= p) continue;
      const double weight = life.bytes / p;
      ++history.alloc_samples;
      sums[0] += 1 / p;
      sums[1] += weight;
      if (life.died <= uptime_) {
        ++history.freed_samples;
        ++lifetimes[static_cast<std::size_t>(
            profile::lifetime_bucket(static_cast<std::uint64_t>((life.died - life.born) * 1e9)))];
        continue;
      }
      sums[2] += 1 / p;
      sums[3] += weight;
      history.live.push_back({ns(life.born), 1, 1 / p, weight, weight * weight, (1 - p) * weight * weight});
    }
    for (int b = 0; b < profile::kLifetimeBuckets; ++b) {
      if (lifetimes[static_cast<std::size_t>(b)] > 0)
        history.lifetimes.push_back({b, lifetimes[static_cast<std::size_t>(b)]});
    }
    std::ranges::sort(history.live, {}, &profile::Cohort::birth_ns);
    profile_.samples.push_back(
        {{index},
         {std::llround(sums[0]), std::llround(sums[1]), std::llround(sums[2]), std::llround(sums[3])},
         {}});
    profile_.history->sites.push_back(std::move(history));
    return *this;
  }

  static std::int64_t ns(double seconds) { return static_cast<std::int64_t>(seconds * 1e9); }

  double uptime_;
  std::uint64_t interval_;
  base::Random random_;
  profile::Profile profile_;
};

}  // namespace holdfast::testing
