#include "scenarios/common/traffic.h"

#include <atomic>
#include <thread>

namespace holdfast::scenarios {
namespace {

using Clock = std::chrono::steady_clock;

// One run of traffic: the request numbers are dealt to the clients one by one, each at its own moment.
struct Run {
  const Load& load;
  const Clock::time_point begin = Clock::now();
  std::atomic<std::uint64_t> dealt{0};
  std::atomic<std::uint64_t> sent{0};
  std::atomic<std::uint64_t> failed{0};

  // Waits for the moment of the next request; false when the load is used up.
  bool next(std::uint64_t& number) {
    const std::uint64_t turn = dealt.fetch_add(1, std::memory_order_relaxed);
    if (load.requests != 0 && turn >= load.requests) return false;
    if (load.rate > 0) {
      const auto due = begin + std::chrono::duration_cast<Clock::duration>(
                                   std::chrono::duration<double>(static_cast<double>(turn) / load.rate));
      if (load.time.count() != 0 && due >= begin + load.time) return false;
      std::this_thread::sleep_until(due);
    }
    number = load.first_number + turn;
    return load.time.count() == 0 || Clock::now() < begin + load.time;
  }
};

httplib::Client connect(const std::string& app) {
  httplib::Client client(app);
  client.set_keep_alive(true);
  client.set_tcp_nodelay(true);
  client.set_connection_timeout(5, 0);
  client.set_read_timeout(10, 0);
  return client;
}

void visit(Run& run, Visitor& visitor) {
  httplib::Client client = connect(run.load.app);
  std::uint64_t number = 0;
  while (run.next(number)) {
    if (!visitor.send(client, number)) run.failed.fetch_add(1, std::memory_order_relaxed);
    run.sent.fetch_add(1, std::memory_order_relaxed);
  }
}

Result<void> check(const std::string& story, const Load& load) {
  if (make_visitor(story) == nullptr) {
    std::string names;
    for (const std::string& name : known_stories()) names += (names.empty() ? "" : ", ") + name;
    return Error{"no story is called '" + story + "'", "known stories: " + names};
  }
  if (load.requests == 0 && load.time.count() == 0) {
    return Error{"the traffic has no bound", "say how many requests or for how long"};
  }
  if (load.concurrency < 1 || load.concurrency > 256) {
    return Error{"concurrency must lie between 1 and 256", ""};
  }
  if (!connect(load.app).Get("/truth")) {
    return Error{"no scenario answers at " + load.app, "start one first; it prints its `app` address"};
  }
  return {};
}

}  // namespace

Result<Sent> drive(const std::string& story, const Load& load) {
  if (const auto checked = check(story, load); !checked) return checked.error();
  Run run{load};
  std::vector<std::unique_ptr<Visitor>> visitors;
  std::vector<std::thread> clients;
  for (unsigned i = 0; i < load.concurrency; ++i) {
    visitors.push_back(make_visitor(story));
    clients.emplace_back(visit, std::ref(run), std::ref(*visitors.back()));
  }
  for (std::thread& client : clients) client.join();
  return Sent{run.sent, run.failed, Clock::now() - run.begin};
}

}  // namespace holdfast::scenarios
