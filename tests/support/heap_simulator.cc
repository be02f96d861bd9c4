#include "support/heap_simulator.h"

#include <cmath>
#include <string>

namespace holdfast::testing {
namespace {

constexpr double kForEver = 1e18;
constexpr int kSites = 200;

}  // namespace

double HeapSimulator::uniform(double from, double to) {
  return from + (to - from) * (static_cast<double>(random_.next() >> 11) + 0.5) * 0x1.0p-53;
}

double HeapSimulator::log_uniform(double from, double to) {
  return std::exp(uniform(std::log(from), std::log(to)));
}

double HeapSimulator::exponential(double mean) { return -std::log(uniform(0, 1)) * mean; }

double HeapSimulator::normal() {
  return std::sqrt(-2 * std::log(uniform(0, 1))) * std::cos(2 * 3.14159265358979323846 * uniform(0, 1));
}

std::vector<Life> HeapSimulator::births(double most, const OverTime& rate, const OverTime& lifetime) {
  const double bytes = log_uniform(64, 256 * 1024);
  std::vector<Life> lives;
  for (double t = exponential(1 / most); t < uptime_; t += exponential(1 / most)) {
    if (uniform(0, most) <= rate(t)) lives.push_back({t, t + lifetime(t), bytes});
  }
  return lives;
}

std::vector<Life> HeapSimulator::friendly(int kind) {
  const double rate = log_uniform(30, 3000) / uptime_;
  const auto steady = [rate](double) { return rate; };
  const auto for_ever = [](double) { return kForEver; };
  const double T = uptime_;
  switch (kind % 8) {
    case 0: {  // requests
      const double mean = log_uniform(1e-3, 1);
      return births(rate, steady, [=, this](double) { return exponential(mean); });
    }
    case 1:  // tables built at the start
      return births(
          50 * rate, [=](double t) { return t < 0.02 * T ? 50 * rate : 0; }, for_ever);
    case 2: {  // a cache that is full soon and turns over
      const double residency = uniform(0.02, 0.08) * T;
      return births(rate, steady, [=, this](double) { return residency * uniform(0.9, 1.1); });
    }
    case 3: {  // entries with a time to live
      const double ttl = uniform(0.01, 0.08) * T;
      return births(rate, steady, [=](double) { return ttl; });
    }
    case 4: {  // sessions
      const double mean = uniform(0.003, 0.03) * T;
      return births(rate, steady, [=, this](double) { return exponential(mean); });
    }
    case 5: {  // batches: all freed together, every so often
      const double every = uniform(0.01, 0.08) * T;
      return births(rate, steady, [=](double t) { return every - std::fmod(t, every); });
    }
    case 6: {  // a cache of few keys that warms up
      const double tau = uniform(0.01, 0.05) * T;
      return births(
          5 * rate, [=](double t) { return 5 * rate * std::exp(-t / tau); }, for_ever);
    }
    default: {  // a pool: made at the start, renewed now and then
      const double mean = uniform(0.02, 0.1) * T;
      return births(
          20 * rate, [=](double t) { return t < 0.01 * T ? 20 * rate : 0.2 * rate; },
          [=, this](double t) { return t < 0.01 * T ? kForEver : exponential(mean); });
    }
  }
}

std::vector<Life> HeapSimulator::hard(int kind) {
  const double rate = log_uniform(30, 3000) / uptime_;
  const auto steady = [rate](double) { return rate; };
  const auto for_ever = [](double) { return kForEver; };
  const double T = uptime_;
  switch (kind % 8) {
    case 0: {  // load that grows fivefold, sessions of some minutes
      const double mean = uniform(0.02, 0.1) * T;
      return births(
          5 * rate, [=](double t) { return rate * (1 + 4 * t / T); },
          [=, this](double) { return exponential(mean); });
    }
    case 1: {  // long sessions: a quarter of an hour and more
      const double median = uniform(0.08, 0.25) * T;
      return births(rate, steady, [=, this](double) { return median * std::exp(normal()); });
    }
    case 2: {  // a cache that fills for up to 60 % of the time, then turns over
      const double full = uniform(0.05, 0.6) * T;
      return births(rate, steady, [=](double) { return full; });
    }
    case 3: {  // a cache of many keys that warms up slowly
      const double tau = uniform(0.05, 0.25) * T;
      return births(
          3 * rate, [=](double t) { return 3 * rate * std::exp(-t / tau); }, for_ever);
    }
    case 4: {  // heavy tail
      const double alpha = uniform(0.7, 1.5);
      return births(rate, steady, [=, this](double) { return 0.01 * std::pow(uniform(0, 1), -1 / alpha); });
    }
    case 5: {  // a cache filled at the start, whose oldest entries make room over hours
      const double residency = uniform(0.3, 3) * T;
      const double start = 0.01 * T;
      return births(
          rate * residency / start + rate,
          [=](double t) { return t < start ? rate * residency / start : rate; },
          [=](double t) { return t < start ? residency * t / start : residency; });
    }
    case 6: {  // a configuration reloaded once or a few times: old tables freed, new ones built
      const double every = uniform(0.2, 0.7) * T;
      return births(
          40 * rate, [=](double t) { return std::fmod(t, every) < 0.01 * T ? 40 * rate : 0; },
          [=](double t) { return every - std::fmod(t, every); });
    }
    default: {  // load that goes up and down twice a session's length
      const double mean = uniform(0.03, 0.15) * T, period = 2 * mean;
      return births(
          2 * rate, [=](double t) { return rate * (1 + std::sin(6.283 * t / period)); },
          [=, this](double) { return exponential(mean); });
    }
  }
}

std::vector<Life> HeapSimulator::normal_site(Mix mix, int kind) {
  // In the hard mix half of the sites are as friendly as elsewhere.
  return mix == Mix::hard && kind % 2 == 1 ? hard(kind / 2) : friendly(kind / 2);
}

std::vector<Life> HeapSimulator::leak(double bytes_per_hour) {
  constexpr double kBlock = 256;
  const double p = interval_ <= 1 ? 1 : -std::expm1(-kBlock / static_cast<double>(interval_));
  const double rate = bytes_per_hour / 3600 / kBlock * p;
  std::vector<Life> lives = births(
      rate, [=](double) { return rate; }, [](double) { return kForEver; });
  for (Life& life : lives) life.bytes = kBlock;
  return lives;
}

SnapshotBuilder HeapSimulator::process(Mix mix) {
  SnapshotBuilder builder(uptime_, interval_);
  for (int i = 0; i < kSites; ++i) builder.sampled_site("normal_" + std::to_string(i), normal_site(mix, i));
  builder.sampled_site("the_leak", leak(20e6));
  return builder;
}

}  // namespace holdfast::testing
