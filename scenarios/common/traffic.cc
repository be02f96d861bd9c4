#include "scenarios/common/traffic.h"

#include <atomic>
#include <cmath>
#include <mutex>
#include <thread>
#include <vector>

namespace holdfast::scenarios {
namespace {

using Clock = std::chrono::steady_clock;

// One run of traffic: the request numbers are dealt to the clients one by one, each at its own moment.
class Run {
 public:
  explicit Run(const Load& load) : load_(load) {}

  // Waits for the moment of the next request; false when the load is used up.
  bool next(std::uint64_t& number) {
    const std::uint64_t turn = dealt_.fetch_add(1, std::memory_order_relaxed);
    if (load_.requests != 0 && turn >= load_.requests) return false;
    if (load_.rate > 0) {
      const auto due = begin_ + std::chrono::duration_cast<Clock::duration>(seconds_until(turn));
      if (load_.time.count() != 0 && due >= begin_ + load_.time) return false;
      std::this_thread::sleep_until(due);
    }
    number = load_.first_number + turn;
    return load_.time.count() == 0 || Clock::now() < begin_ + load_.time;
  }

  void note(const std::string& failure) {
    const std::lock_guard lock(mutex_);
    ++sent_.requests;
    if (failure.empty()) return;
    if (sent_.failed++ == 0) sent_.first_failure = failure;
  }

  Sent sent() {
    const std::lock_guard lock(mutex_);
    sent_.time = Clock::now() - begin_;
    return sent_;
  }

 private:
  std::chrono::duration<double> seconds_until(std::uint64_t turn) const {
    const double steady = static_cast<double>(turn) / load_.rate;
    if (!load_.ramp) return std::chrono::duration<double>(steady);
    // A rate that rises in proportion to time sends the square of it.
    const double whole = static_cast<double>(load_.requests) / load_.rate;
    return std::chrono::duration<double>(std::sqrt(steady * whole));
  }

  const Load& load_;
  const Clock::time_point begin_ = Clock::now();
  std::atomic<std::uint64_t> dealt_{0};
  std::mutex mutex_;
  Sent sent_;
};

void visit(Run& run, Visitor& visitor) {
  std::uint64_t number = 0;
  while (run.next(number)) run.note(visitor.send(number));
}

}  // namespace

Result<Sent> drive(const MakeVisitor& make_visitor, const Load& load,
                   const std::function<void(const Sent&)>& sent_all) {
  if (load.requests == 0 && (load.time.count() == 0 || load.ramp)) {
    return Error{"the traffic has no bound", "say how many requests or for how long; a ramp needs how many"};
  }
  if (load.concurrency < 1 || load.concurrency > 256) {
    return Error{"concurrency must lie between 1 and 256", ""};
  }
  std::vector<std::unique_ptr<Visitor>> visitors;
  for (unsigned i = 0; i < load.concurrency; ++i) {
    visitors.push_back(make_visitor(load.app));
    if (!visitors.back()) {
      return Error{"no scenario answers at " + load.app, "start one first; it prints its `app` address"};
    }
  }
  Run run(load);
  std::vector<std::thread> clients;
  for (auto& visitor : visitors) clients.emplace_back(visit, std::ref(run), std::ref(*visitor));
  for (std::thread& client : clients) client.join();
  Sent sent = run.sent();
  sent_all(sent);
  return sent;
}

}  // namespace holdfast::scenarios
