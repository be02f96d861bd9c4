// retry_queue, a leak: payments that fail are queued again, with the payload in the task's closure. Most
// succeed at the second try; those with a broken account fail for ever and are queued for ever.
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

#include "scenarios/common/story.h"

namespace {

using holdfast::scenarios::Held;
using holdfast::scenarios::Settings;

using Task = std::function<bool()>;  // whether it succeeded

std::mutex mutex;
std::condition_variable changed;
std::deque<Task> retries;
bool is_closing = false;
std::thread worker;
Held held;

// The leaking site: the payload lives as long as its task is tried again.
[[gnu::noinline]] Task make_payment(const std::string& payload, bool account_is_broken) {
  return [payload, account_is_broken, tries = 0]() mutable {
    return ++tries > 1 && !account_is_broken && !payload.empty();
  };
}

void submit(const httplib::Request& request, httplib::Response& response) {
  const bool account_is_broken = std::stoul(request.matches[1]) % 4 == 0;
  Task task = make_payment(request.body, account_is_broken);
  response.status = 202;
  if (task()) return;
  if (account_is_broken) held.add(request.body.size() + 1);
  const std::lock_guard lock(mutex);
  retries.push_back(std::move(task));
}

void try_again() {
  std::unique_lock lock(mutex);
  while (!is_closing) {
    changed.wait_for(lock, std::chrono::milliseconds(50));
    for (std::size_t left = retries.size(); left > 0; --left) {
      Task task = std::move(retries.front());
      retries.pop_front();
      if (!task()) retries.push_back(std::move(task));
    }
  }
}

void start_service(const Settings&, httplib::Server& server) {
  server.Post(R"(/accounts/(\d{1,9})/payments)", submit);
  worker = std::thread(try_again);
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
  return holdfast::scenarios::run(argc, argv,
                                  {.about = "Failed tasks queued again for ever, with their payload: a leak.",
                                   .open = start_service,
                                   .truth = [] { return held.truth(); },
                                   .close = stop_service});
}
