#include "metrics.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <memory>
#include <mutex>
#include <utility>

#include "diagnose/interval.h"
#include "explain.h"
#include "growth.h"
#include "profile/utf8.h"
#include "record/clock.h"
#include "record/recorder.h"
#include "snapshot/fork_mutex.h"
#include "snapshot/totals.h"
#include "watch.h"

namespace holdfast {
namespace {

using record::g_recorder;

// Series of sites: so many of the largest, and so many of the fastest-growing.
constexpr std::size_t kLargest = 10;
constexpr std::size_t kGrowing = 10;
constexpr double kGrowthSeconds = 60;
constexpr std::int64_t kFreshNs = 1'000'000'000;
constexpr std::size_t kLongestValue = 200;

using Labels = std::vector<std::pair<std::string_view, std::string>>;

// One family after the other: HELP and TYPE, then its series.
class Exposition {
 public:
  void family(std::string_view name, std::string_view type, std::string_view help) {
    name_ = name;
    text_.append("# HELP ").append(name).append(" ").append(help).append("\n");
    text_.append("# TYPE ").append(name).append(" ").append(type).append("\n");
  }
  void series(double value, const Labels& labels = {}) {
    text_ += name_;
    for (std::size_t i = 0; i < labels.size(); ++i) {
      text_.append(i == 0 ? "{" : ",").append(labels[i].first).append("=\"");
      text_.append(metric_label_value(labels[i].second)).append("\"");
    }
    if (!labels.empty()) text_ += "}";
    std::array<char, 64> digits;
    const auto end =
        std::to_chars(digits.data(), digits.data() + digits.size(), std::isfinite(value) ? value : 0).ptr;
    text_.append(" ").append(digits.data(), end).append("\n");
  }
  void gauge(std::string_view name, std::string_view help, double value) {
    family(name, "gauge", help);
    series(value);
  }
  void counter(std::string_view name, std::string_view help, double value) {
    family(name, "counter", help);
    series(value);
  }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
  std::string name_;
};

double of(std::uint64_t n) { return static_cast<double>(n); }

double sampling_variance(const profile::Profile& profile) {
  double variance = 0;
  if (!profile.history) return variance;
  for (const profile::SiteHistory& site : profile.history->sites) {
    for (const profile::Cohort& c : site.live) variance += c.variance;
  }
  return variance;
}

void add_heap(const profile::Profile& profile, Exposition& out) {
  const snapshot::HeapTotals totals = snapshot::read_totals(g_recorder);
  const diagnose::Interval interval = diagnose::sampling_interval(
      totals.inuse_bytes, sampling_variance(profile), static_cast<double>(g_recorder.interval_bytes()));
  out.gauge("holdfast_heap_in_use_bytes", "Bytes allocated since recording began and not freed, estimated.",
            totals.inuse_bytes);
  out.gauge("holdfast_heap_in_use_lower_bytes", "Lower end of the 95 % interval of the estimate.",
            interval.lower);
  out.gauge("holdfast_heap_in_use_upper_bytes", "Upper end of the 95 % interval of the estimate.",
            interval.upper);
  out.gauge("holdfast_heap_in_use_objects", "Blocks in use, estimated.", totals.inuse_objects);
  out.counter("holdfast_heap_allocated_bytes_total", "Bytes allocated, estimated.", totals.alloc_bytes);
  out.counter("holdfast_heap_allocated_objects_total", "Blocks allocated, estimated.", totals.alloc_objects);
}

void add_memory(const profile::Profile& profile, Exposition& out) {
  if (!profile.history || !profile.history->memory) return;
  const profile::MemoryTable& table = *profile.history->memory;
  out.gauge("holdfast_memory_rss_bytes", "Resident memory of the process.", of(table.rss));
  out.family("holdfast_memory_part_bytes", "gauge",
             "Parts that add up to the resident memory; some correct others.");
  for (const profile::MemoryPart& part : table.parts)
    out.series(static_cast<double>(part.bytes), {{"part", part.name}});
  if (const std::int64_t limit = table.fact("cgroup_limit"); limit > 0) {
    out.gauge("holdfast_memory_limit_bytes", "Memory limit of the control group.",
              static_cast<double>(limit));
    out.gauge("holdfast_memory_limit_usage_bytes",
              "What the control group uses of its limit, cached files included.",
              static_cast<double>(table.fact("cgroup_usage")));
  }
}

void add_sites(std::vector<SiteUse> sites, Exposition& out) {
  const auto grows = [](const SiteUse& s) { return s.bytes_per_second > 0; };
  const auto first = sites.begin() + static_cast<std::ptrdiff_t>(std::min(kLargest, sites.size()));
  std::stable_sort(first, sites.end(), [](const SiteUse& a, const SiteUse& b) {
    return a.bytes_per_second > b.bytes_per_second;
  });
  const auto last = std::find_if_not(
      first, first + std::min<std::ptrdiff_t>(static_cast<std::ptrdiff_t>(kGrowing), sites.end() - first),
      grows);
  const auto each = [&](auto value) {
    for (auto s = sites.begin(); s != last; ++s)
      out.series(value(*s), {{"site", s->name}, {"fingerprint", s->fingerprint}});
  };
  out.family("holdfast_site_in_use_bytes", "gauge",
             "Bytes in use of the largest and the fastest-growing sites.");
  each([](const SiteUse& s) { return s.in_use_bytes; });
  out.family("holdfast_site_allocated_bytes_total", "counter", "Bytes allocated by the same sites.");
  each([](const SiteUse& s) { return s.alloc_bytes; });
}

void add_self(const Watch* watch, double collect_seconds, Exposition& out) {
  out.gauge("holdfast_recording", "1 while allocations are recorded.", g_recorder.recording() ? 1 : 0);
  out.gauge("holdfast_sampling_interval_bytes", "Mean bytes between two samples; 1 counts every allocation.",
            of(g_recorder.interval_bytes()));
  out.gauge("holdfast_sites", "Places that allocated, told apart.", of(g_recorder.sites().size()) - 1);
  out.gauge("holdfast_own_bytes", "Mapped for Holdfast's tables and sampled blocks, touched or not.",
            of(g_recorder.own_bytes()) + of(g_recorder.region().bytes_in_use()));
  out.counter("holdfast_metrics_collect_seconds_total", "Time taken to make these answers.", collect_seconds);
  const record::Drops& drops = g_recorder.drops();
  out.family("holdfast_dropped_total", "counter", "What was left out or kept with less detail, by reason.");
  out.series(of(drops.region_full.load()), {{"reason", "region_full"}});
  out.series(of(drops.large_untracked.load()), {{"reason", "large_untracked"}});
  out.series(of(drops.lock_timeouts.load()), {{"reason", "lock_timeout"}});
  out.series(of(g_recorder.sites().folded()), {{"reason", "too_many_sites"}});
  out.series(of(g_recorder.labels().folded()), {{"reason", "too_many_label_values"}});
  out.series(of(g_recorder.label_pool().refused()), {{"reason", "too_many_labels"}});
  out.series(of(drops.stacks_truncated.load()), {{"reason", "stack_truncated"}});
  out.series(of(drops.stacks_empty.load()), {{"reason", "stack_empty"}});
  out.counter("holdfast_work_total", "Work the program counted with add_work(): requests served.",
              g_recorder.work().work());
  if (watch == nullptr) return;
  out.gauge("holdfast_heap_peak_bytes", "In use at the high-water mark whose profile is kept.",
            watch->peak_bytes());
  out.counter("holdfast_dumps_total", "Dumps written since the program began.", of(watch->dumps_written()));
}

class Metrics {
 public:
  explicit Metrics(const Watch* watch) : watch_(watch) {}

  std::string text() {
    const std::lock_guard lock(mutex_);
    const std::int64_t begin = record::now_ns();
    if (!text_.empty() && begin - made_ns_ < kFreshNs) return text_;
    Exposition out;
    // Before the first start there is no heap to tell of, but the rest is told.
    if (const Result<profile::Profile> profile = Explainer::instance().heap("inuse_space")) {
      add_heap(*profile, out);
      add_memory(*profile, out);
      add_sites(growth_.look(*profile), out);
    }
    made_ns_ = record::now_ns();
    collect_seconds_ += static_cast<double>(made_ns_ - begin) / 1e9;
    add_self(watch_, collect_seconds_, out);
    return text_ = out.take();
  }

 private:
  const Watch* watch_;
  snapshot::ForkMutex mutex_;
  Growth growth_{kGrowthSeconds};
  std::string text_;
  std::int64_t made_ns_ = 0;
  double collect_seconds_ = 0;
};

}  // namespace

std::string metric_label_value(std::string_view text) {
  std::string clean = profile::to_utf8(text);
  if (clean.size() > kLongestValue) {
    std::size_t end = kLongestValue - 3;
    while (end > 0 && (static_cast<unsigned char>(clean[end]) & 0xc0) == 0x80) --end;
    clean = clean.substr(0, end) + "...";
  }
  std::string escaped;
  for (const char c : clean) {
    if (c == '\\' || c == '"') escaped += '\\';
    if (c == '\n') {
      escaped += "\\n";
    } else {
      escaped += c;
    }
  }
  return escaped;
}

std::vector<serve::Route> metrics_routes(const Watch* watch) {
  const auto metrics = std::make_shared<Metrics>(watch);
  return {{.path = "/metrics", .about = "numbers for Prometheus", .answer = [metrics](const serve::Request&) {
             serve::Response response = serve::text(200, metrics->text());
             for (auto& [name, value] : response.headers) {
               if (name == "Content-Type") value = "text/plain; version=0.0.4; charset=utf-8";
             }
             return response;
           }}};
}

}  // namespace holdfast
