// ttl_cache, a control: answers are cached for three quarters of a second; a sweeper takes out what is older.
// The keys are without end, the memory is not.
#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>

#include "scenarios/common/story.h"

namespace {

using holdfast::scenarios::Settings;
using Clock = std::chrono::steady_clock;

constexpr auto kTimeToLive = std::chrono::milliseconds(750);

struct Entry {
  std::string text;
  Clock::time_point expires;
};

std::mutex mutex;
std::condition_variable closing;
std::map<std::string, Entry> cache;
bool is_closing = false;
std::thread sweeper;

[[gnu::noinline]] std::string render(const std::string& path) {
  return "page of " + path + std::string(8000, '.');
}

std::string get(const std::string& path) {
  const std::lock_guard lock(mutex);
  auto known = cache.find(path);
  if (known == cache.end())
    known = cache.emplace(path, Entry{render(path), Clock::now() + kTimeToLive}).first;
  return known->second.text;
}

void sweep() {
  std::unique_lock lock(mutex);
  while (!is_closing) {
    closing.wait_for(lock, std::chrono::milliseconds(100));
    std::erase_if(cache, [now = Clock::now()](const auto& item) { return item.second.expires < now; });
  }
}

void start_service(const Settings&, httplib::Server& server) {
  sweeper = std::thread(sweep);
  server.Get(R"(/pages/\d+)", [](const httplib::Request& request, httplib::Response& response) {
    response.set_content(get(request.path), "text/plain");
  });
}

void stop_service() {
  {
    const std::lock_guard lock(mutex);
    is_closing = true;
  }
  closing.notify_one();
  sweeper.join();
}

}  // namespace

int main(int argc, char** argv) {
  return holdfast::scenarios::run(
      argc, argv,
      {.about = "A cache whose entries expire: not a leak.", .open = start_service, .close = stop_service});
}
