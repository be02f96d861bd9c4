// timer_queue, a leak while the program is younger than its timeout: each call sets an Asio timer for its
// timeout, with the call captured in the handler. A call that is answered is marked as done, but its timer is
// not cancelled: call and timer stay until the deadline.
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <thread>

#include "scenarios/common/story.h"

namespace {

namespace asio = boost::asio;
using holdfast::scenarios::Held;
using holdfast::scenarios::Settings;

struct Call {
  explicit Call(asio::io_context& context, std::string text) : timeout(context), question(std::move(text)) {}
  asio::steady_timer timeout;
  std::string question;
  std::atomic<bool> is_done{false};
};

asio::io_context timers;
std::chrono::milliseconds timeout{};
std::thread runner;
Held held;

// The leaking site: what the handler captures lives until the deadline.
[[gnu::noinline]] std::shared_ptr<Call> start_call(const std::string& question) {
  auto call = std::make_shared<Call>(timers, question);
  const std::uint64_t bytes = question.size() + 1;
  held.add(bytes);
  call->timeout.expires_after(timeout);
  call->timeout.async_wait([call, bytes](const boost::system::error_code&) {
    if (!call->is_done) std::fprintf(stderr, "a call timed out\n");
    held.remove(bytes);
  });
  return call;
}

void start_service(const Settings& settings, httplib::Server& server) {
  timeout = settings.variant == "short_timeout" ? std::chrono::milliseconds(800) : std::chrono::minutes(5);
  runner = std::thread([] {
    const auto until_stopped = asio::make_work_guard(timers);
    timers.run();
  });
  server.Post("/calls", [](const httplib::Request& request, httplib::Response& response) {
    const auto call = start_call(request.body);
    response.set_content(std::to_string(call->question.size()), "text/plain");
    call->is_done = true;  // and no call->timeout.cancel(): the leak
  });
}

void stop_service() {
  timers.stop();
  runner.join();
}

}  // namespace

int main(int argc, char** argv) {
  return holdfast::scenarios::run(argc, argv,
                                  {.about = "Timers of calls that are done stay until their deadline.",
                                   .variants = {"short_timeout"},
                                   .open = start_service,
                                   .truth = [] { return held.truth(); },
                                   .close = stop_service});
}
