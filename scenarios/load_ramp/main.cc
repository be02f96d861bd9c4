// load_ramp, a control: the traffic rises all the time, and with it what is being worked on at any moment.
// The heap grows as that of a leak does; each order still ends within a fraction of a second.
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "scenarios/common/story.h"

namespace {

using holdfast::scenarios::Settings;
using Clock = std::chrono::steady_clock;

constexpr auto kDelay = std::chrono::milliseconds(400);

struct Order {
  Clock::time_point due;
  std::string document;
};

std::mutex mutex;
std::condition_variable closing;
std::deque<Order> open_orders;
std::size_t shipped = 0;
bool is_closing = false;
std::thread shipper;

[[gnu::noinline]] std::string make_document(const std::string& body) {
  return "order: " + body + std::string(8000, '.');
}

void order(const httplib::Request& request, httplib::Response& response) {
  std::string document = make_document(request.body);
  const std::lock_guard lock(mutex);
  open_orders.push_back({Clock::now() + kDelay, std::move(document)});
  response.status = 202;
}

void ship() {
  std::unique_lock lock(mutex);
  while (!is_closing) {
    closing.wait_for(lock, std::chrono::milliseconds(20));
    for (; !open_orders.empty() && open_orders.front().due <= Clock::now(); open_orders.pop_front())
      ++shipped;
  }
}

void start_service(const Settings&, httplib::Server& server) {
  shipper = std::thread(ship);
  server.Post("/orders", order);
}

void stop_service() {
  {
    const std::lock_guard lock(mutex);
    is_closing = true;
  }
  closing.notify_one();
  shipper.join();
}

}  // namespace

int main(int argc, char** argv) {
  return holdfast::scenarios::run(
      argc, argv, {.about = "Traffic that rises: not a leak.", .open = start_service, .close = stop_service});
}
