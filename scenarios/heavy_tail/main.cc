// heavy_tail, a control: jobs whose durations follow a Pareto distribution. Most end within milliseconds, a
// few take seconds; at any moment what is alive is mostly old, and yet all of it ends.
#include <condition_variable>
#include <mutex>
#include <queue>
#include <random>
#include <thread>

#include "scenarios/common/story.h"

namespace {

using holdfast::scenarios::Settings;
using Clock = std::chrono::steady_clock;

constexpr double kShortest = 0.02;  // seconds
constexpr double kAlpha = 1.2;      // the share that lives on to twice an age is 2^-1.2 = 44 %

struct Job {
  Clock::time_point end;
  std::string state;
  bool operator<(const Job& other) const { return end > other.end; }
};

std::mutex mutex;
std::condition_variable changed;
std::priority_queue<Job> jobs;  // the next to end on top
std::minstd_rand random_source(7);
bool is_closing = false;
std::thread worker;

[[gnu::noinline]] std::string make_state(const std::string& body) { return body + std::string(8000, 's'); }

void accept(const httplib::Request& request, httplib::Response& response) {
  std::string state = make_state(request.body);
  const std::lock_guard lock(mutex);
  const double chance = std::uniform_real_distribution<double>(1e-9, 1)(random_source);
  const std::chrono::duration<double> duration(kShortest * std::pow(chance, -1 / kAlpha));
  jobs.push({Clock::now() + std::chrono::duration_cast<Clock::duration>(duration), std::move(state)});
  changed.notify_one();
  response.status = 202;
}

void end_jobs() {
  std::unique_lock lock(mutex);
  while (!is_closing) {
    if (jobs.empty()) {
      changed.wait(lock);
    } else if (jobs.top().end > Clock::now()) {
      changed.wait_until(lock, Clock::time_point(jobs.top().end));
    } else {
      jobs.pop();
    }
  }
}

void start_service(const Settings&, httplib::Server& server) {
  worker = std::thread(end_jobs);
  server.Post("/jobs", accept);
}

void stop_service() {
  {
    const std::lock_guard lock(mutex);
    is_closing = true;
  }
  changed.notify_one();
  worker.join();
}

}  // namespace

int main(int argc, char** argv) {
  return holdfast::scenarios::run(
      argc, argv,
      {.about = "Jobs with a heavy-tailed duration, all of which end: not a leak.",
       .open = start_service,
       .close = stop_service});
}
