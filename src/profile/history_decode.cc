#include "profile/history_decode.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <protozero/pbf_message.hpp>
#include <vector>

#include "base/gzip.h"
#include "profile/base64.h"
#include "profile/history_carrier.h"
#include "profile/history_fields.h"
#include "profile/wire.h"

namespace holdfast::profile {
namespace {

// Measured: 16,000 sites take about 5 MiB in memory and less in the message.
constexpr std::size_t kMessageLimit = std::size_t{64} << 20;
constexpr std::size_t kModelLimit = std::size_t{256} << 20;

void require(bool condition, const char* what) {
  if (!condition) throw Broken(what);
}

template <typename Rows, typename Before>
void require_ascending(const Rows& rows, Before before) {
  require(std::is_sorted(rows.begin(), rows.end(), before), "times are out of order");
}

class Decoder {
 public:
  DecodedHistory decode(std::string_view message) {
    protozero::pbf_reader reader = wire::reader_of(message);
    while (reader.next()) field(reader);
    HeapHistory& history = out_.history;
    require(work_times_.size() == work_values_.size(), "work times and values differ in number");
    for (std::size_t i = 0; i < work_times_.size(); ++i)
      history.work.push_back({work_times_[i], work_values_[i]});
    require_ascending(history.work, [](const WorkPoint& a, const WorkPoint& b) {
      return a.time_ns < b.time_ns || a.work < b.work;
    });
    require(interval_times_.size() == interval_bytes_.size(), "interval times and values differ in number");
    for (std::size_t i = 0; i < interval_times_.size(); ++i) {
      history.intervals.push_back({interval_times_[i], interval_bytes_[i]});
    }
    require_ascending(history.intervals,
                      [](const IntervalChange& a, const IntervalChange& b) { return a.time_ns < b.time_ns; });
    return std::move(out_);
  }

 private:
  void field(protozero::pbf_reader& reader) {
    HeapHistory& history = out_.history;
    switch (static_cast<fields::History>(reader.tag())) {
      case fields::History::uptime_ns:
        history.uptime_ns = wire::signed_number(reader);
        break;
      case fields::History::process_id:
        history.process_id = wire::number(reader);
        break;
      case fields::History::process_start_ns:
        history.process_start_ns = wire::signed_number(reader);
        break;
      case fields::History::work_unit:
        history.work_unit = text(reader);
        break;
      case fields::History::work_times:
        times(reader, work_times_);
        break;
      case fields::History::work_values:
        amounts(reader, work_values_);
        break;
      case fields::History::interval_times:
        times(reader, interval_times_);
        break;
      case fields::History::interval_bytes:
        counts(reader, interval_bytes_);
        break;
      case fields::History::unwinder:
        history.unwinder = text(reader);
        break;
      case fields::History::allocator:
        history.allocator = text(reader);
        break;
      case fields::History::counter:
        history.counters.push_back(counter(wire::message(reader)));
        break;
      case fields::History::memory_rss:
        memory().rss = wire::number(reader);
        break;
      case fields::History::memory_part:
        memory().parts.push_back(memory_part(wire::message(reader)));
        break;
      case fields::History::memory_fact:
        memory().facts.push_back(memory_part(wire::message(reader)));
        break;
      case fields::History::site:
        out_.sites.push_back(site(wire::message(reader)));
        break;
      default:
        reader.skip();
    }
  }

  std::string text(protozero::pbf_reader& reader) {
    const std::string_view bytes = wire::bytes(reader);
    budget_.charge(bytes.size());
    return std::string(bytes);
  }

  void counts(protozero::pbf_reader& reader, std::vector<std::uint64_t>& out) {
    wire::numbers(reader, [&](std::uint64_t value) {
      budget_.charge(sizeof value);
      out.push_back(value);
    });
  }

  void times(protozero::pbf_reader& reader, std::vector<std::int64_t>& out) {
    std::uint64_t now = out.empty() ? 0 : static_cast<std::uint64_t>(out.back());
    wire::numbers(reader, [&](std::uint64_t value) {
      budget_.charge(sizeof value);
      now += static_cast<std::uint64_t>(protozero::decode_zigzag64(value));
      out.push_back(static_cast<std::int64_t>(now));
    });
  }

  void add_amount(std::vector<double>& out, double value) {
    budget_.charge(sizeof value);
    require(std::isfinite(value) && value >= 0, "a number is negative or not finite");
    out.push_back(value);
  }
  void amounts(protozero::pbf_reader& reader, std::vector<double>& out) {
    wire::doubles(reader, [&](double value) { add_amount(out, value); });
  }
  void float_amounts(protozero::pbf_reader& reader, std::vector<double>& out) {
    wire::floats(reader, [&](float value) { add_amount(out, value); });
  }
  void whole_amounts(protozero::pbf_reader& reader, std::vector<double>& out) {
    wire::numbers(reader, [&](std::uint64_t value) { add_amount(out, static_cast<double>(value)); });
  }

  MemoryTable& memory() {
    std::optional<MemoryTable>& table = out_.history.memory;
    return table ? *table : table.emplace();
  }

  MemoryPart memory_part(protozero::pbf_reader reader) {
    budget_.charge(sizeof(MemoryPart));
    MemoryPart out;
    while (reader.next()) {
      switch (static_cast<fields::MemoryPart>(reader.tag())) {
        case fields::MemoryPart::name:
          out.name = text(reader);
          break;
        case fields::MemoryPart::bytes:
          out.bytes = protozero::decode_zigzag64(wire::number(reader));
          break;
        default:
          reader.skip();
      }
    }
    return out;
  }

  Counter counter(protozero::pbf_reader reader) {
    budget_.charge(sizeof(Counter));
    Counter out;
    while (reader.next()) {
      switch (static_cast<fields::Counter>(reader.tag())) {
        case fields::Counter::name:
          out.name = text(reader);
          break;
        case fields::Counter::value:
          out.value = wire::number(reader);
          break;
        default:
          reader.skip();
      }
    }
    return out;
  }

  // A site's columns as they come; rows are made of them when all are there.
  struct Columns {
    std::vector<std::uint64_t> lifetimes, samples, step_sizes;
    std::vector<std::int64_t> births_us, step_times;
    std::vector<double> objects, bytes, bytes_squared, variance;
  };

  KeyedSite site(protozero::pbf_reader reader) {
    budget_.charge(sizeof(KeyedSite));
    KeyedSite out;
    Columns columns;
    while (reader.next()) {
      switch (static_cast<fields::Site>(reader.tag())) {
        case fields::Site::key:
          out.key = wire::fixed64(reader);
          break;
        case fields::Site::alloc_samples:
          out.site.alloc_samples = wire::number(reader);
          break;
        case fields::Site::freed_samples:
          out.site.freed_samples = wire::number(reader);
          break;
        case fields::Site::lifetimes:
          counts(reader, columns.lifetimes);
          break;
        case fields::Site::births_us:
          times(reader, columns.births_us);
          break;
        case fields::Site::samples:
          counts(reader, columns.samples);
          break;
        case fields::Site::objects:
          float_amounts(reader, columns.objects);
          break;
        case fields::Site::bytes:
          whole_amounts(reader, columns.bytes);
          break;
        case fields::Site::bytes_sampled:
          float_amounts(reader, columns.bytes);
          break;
        case fields::Site::bytes_squared:
          float_amounts(reader, columns.bytes_squared);
          break;
        case fields::Site::variance:
          float_amounts(reader, columns.variance);
          break;
        case fields::Site::step_times:
          times(reader, columns.step_times);
          break;
        case fields::Site::step_sizes:
          counts(reader, columns.step_sizes);
          break;
        default:
          reader.skip();
      }
    }
    lifetimes(columns, out.site);
    live(columns, out.site);
    size_steps(columns, out.site);
    return out;
  }

  static void lifetimes(const Columns& columns, SiteHistory& site) {
    require(columns.lifetimes.size() % 2 == 0, "a lifetime bucket has no count");
    std::uint64_t next_bucket = 0;
    for (std::size_t i = 0; i < columns.lifetimes.size(); i += 2) {
      const std::uint64_t skipped = columns.lifetimes[i];
      const std::uint64_t samples = columns.lifetimes[i + 1];
      require(skipped < kLifetimeBuckets && next_bucket + skipped < kLifetimeBuckets && samples > 0,
              "a lifetime bucket is out of range");
      site.lifetimes.push_back({static_cast<std::int32_t>(next_bucket + skipped), samples});
      next_bucket += skipped + 1;
    }
  }

  static void live(const Columns& columns, SiteHistory& site) {
    const std::size_t rows = columns.births_us.size();
    const auto fits = [rows](const std::vector<double>& column) {
      return column.empty() || column.size() == rows;
    };
    require(columns.samples.size() == rows && columns.bytes.size() == rows && fits(columns.objects) &&
                fits(columns.bytes_squared) && fits(columns.variance),
            "the columns of a site's cohorts differ in length");
    for (std::size_t i = 0; i < rows; ++i) {
      Cohort cohort;
      const std::int64_t us = columns.births_us[i];
      constexpr std::int64_t kMostUs = std::numeric_limits<std::int64_t>::max() / 1000;
      require(us >= -kMostUs && us <= kMostUs, "a birth is out of range");
      cohort.birth_ns = us * 1000;
      cohort.samples = columns.samples[i];
      cohort.objects = columns.objects.empty() ? static_cast<double>(cohort.samples) : columns.objects[i];
      cohort.bytes = columns.bytes[i];
      cohort.bytes_squared =
          columns.bytes_squared.empty() ? squares_of_one_size(cohort) : columns.bytes_squared[i];
      cohort.variance = columns.variance.empty() ? variance_of_one_size(cohort) : columns.variance[i];
      site.live.push_back(cohort);
    }
    require_ascending(site.live, [](const Cohort& a, const Cohort& b) { return a.birth_ns < b.birth_ns; });
  }

  static void size_steps(const Columns& columns, SiteHistory& site) {
    require(columns.step_times.size() == columns.step_sizes.size(),
            "size steps and their times differ in number");
    for (std::size_t i = 0; i < columns.step_times.size(); ++i) {
      site.size_steps.push_back({columns.step_times[i], columns.step_sizes[i]});
    }
    require_ascending(site.size_steps,
                      [](const SizeStep& a, const SizeStep& b) { return a.time_ns < b.time_ns; });
  }

  Budget budget_{kModelLimit};
  DecodedHistory out_;
  std::vector<std::int64_t> work_times_, interval_times_;
  std::vector<double> work_values_;
  std::vector<std::uint64_t> interval_bytes_;
};

}  // namespace

Result<DecodedHistory> read_carrier(std::string_view carrier) {
  carrier.remove_prefix(fields::kCarrierPrefix.size());
  if (!carrier.starts_with(fields::kCarrierVersion)) {
    return Error{"ages were written in a form this version does not know", "update holdfast"};
  }
  carrier.remove_prefix(fields::kCarrierVersion.size());
  return caught("ages cannot be read", "fetch the profile again", [&] {
    const std::optional<std::string> packed = base64_decode(carrier);
    if (!packed) throw Broken("they are not base64");
    const Result<std::string> message = base::zlib_inflate(*packed, kMessageLimit);
    if (!message) throw Broken(message.error().what);
    return Decoder().decode(*message);
  });
}

}  // namespace holdfast::profile
