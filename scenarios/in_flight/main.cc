// in_flight, a control: pictures are accepted at once and scaled a moment later. Whenever one looks, dozens
// are on their way, and nothing is wrong with them.
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "scenarios/common/story.h"

namespace {

using holdfast::scenarios::Settings;
using Clock = std::chrono::steady_clock;

constexpr auto kDelay = std::chrono::milliseconds(250);

struct Picture {
  Clock::time_point due;
  std::string pixels;
};

std::mutex mutex;
std::condition_variable closing;
std::deque<Picture> accepted;  // oldest first
std::size_t scaled = 0;
bool is_closing = false;
std::thread scaler;

[[gnu::noinline]] std::string decode(const std::string& body) {
  std::string pixels;
  for (int i = 0; i < 8; ++i) pixels += body;
  return pixels;
}

void accept(const httplib::Request& request, httplib::Response& response) {
  std::string pixels = decode(request.body);
  const std::lock_guard lock(mutex);
  accepted.push_back({Clock::now() + kDelay, std::move(pixels)});
  response.status = 202;
}

void scale() {
  std::unique_lock lock(mutex);
  while (!is_closing) {
    closing.wait_for(lock, std::chrono::milliseconds(10));
    for (; !accepted.empty() && accepted.front().due <= Clock::now(); accepted.pop_front()) ++scaled;
  }
}

void start_service(const Settings&, httplib::Server& server) {
  scaler = std::thread(scale);
  server.Post("/pictures", accept);
}

void stop_service() {
  {
    const std::lock_guard lock(mutex);
    is_closing = true;
  }
  closing.notify_one();
  scaler.join();
}

}  // namespace

int main(int argc, char** argv) {
  return holdfast::scenarios::run(
      argc, argv,
      {.about = "Work on its way at any moment: not a leak.", .open = start_service, .close = stop_service});
}
