// coroutine_parked, a leak: a coroutine asks an upstream server and waits for the answer. Now and then the
// upstream never answers; the coroutine is never resumed, and its frame, buffer included, stays with the
// handle.
#include <array>
#include <coroutine>
#include <cstring>
#include <exception>
#include <map>
#include <mutex>

#include "scenarios/common/story.h"

namespace {

using holdfast::scenarios::Held;
using holdfast::scenarios::Settings;

constexpr std::size_t kBufferBytes = 8 * 1024;

// Runs at once until its first wait; frees itself at its end.
struct Detached {
  struct promise_type {
    Detached get_return_object() { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { std::terminate(); }
  };
};

// Questions asked of the upstream, and who waits for their answers.
class Upstream {
 public:
  auto answer_to(std::uint64_t question) {
    struct Wait {
      Upstream& upstream;
      std::uint64_t question;
      bool await_ready() const { return false; }
      void await_suspend(std::coroutine_handle<> waiter) {
        const std::lock_guard lock(upstream.mutex_);
        upstream.waiting_[question] = waiter;
      }
      void await_resume() {}
    };
    return Wait{*this, question};
  }

  void answers(std::uint64_t question) {
    std::coroutine_handle<> waiter;
    {
      const std::lock_guard lock(mutex_);
      const auto known = waiting_.find(question);
      waiter = known->second;
      waiting_.erase(known);
    }
    waiter.resume();
  }

 private:
  std::mutex mutex_;
  std::map<std::uint64_t, std::coroutine_handle<>> waiting_;
};

Upstream upstream;
Held held;

// The leaking site: the frame holds the buffer.
[[gnu::noinline]] Detached ask_upstream(std::uint64_t question, const std::string& text) {
  std::array<char, kBufferBytes> buffer;
  buffer.fill(' ');
  std::memcpy(buffer.data(), text.data(), std::min(text.size(), buffer.size()));
  co_await upstream.answer_to(question);
  buffer[0] = 'a';
}

void add_routes(const Settings&, httplib::Server& server) {
  server.Post(R"(/questions/(\d{1,9}))", [](const httplib::Request& request, httplib::Response& response) {
    const std::uint64_t question = std::stoul(request.matches[1]);
    ask_upstream(question, request.body);
    if (question % 4 == 0) {
      held.add(kBufferBytes);
      response.status = 504;
    } else {
      upstream.answers(question);
    }
  });
}

}  // namespace

int main(int argc, char** argv) {
  return holdfast::scenarios::run(argc, argv,
                                  {.about = "Coroutines that wait for what never comes: a leak.",
                                   .open = add_routes,
                                   .truth = [] { return held.truth(); }});
}
