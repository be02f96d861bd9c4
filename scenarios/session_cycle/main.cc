// session_cycle, a leak: a session's ticker captures the session itself, and an executor that outlives all
// sessions keeps the ticker. Logging out drops the last reference that the program knows of, the cycle keeps
// the session alive, and the executor keeps the cycle reachable.
#include <functional>
#include <map>
#include <memory>
#include <mutex>

#include "scenarios/common/story.h"

namespace {

using holdfast::scenarios::Held;
using holdfast::scenarios::Settings;

constexpr std::size_t kHistoryBytes = 8 * 1024;

struct Session {
  std::string history;
  std::function<void()> on_tick;
  bool is_over = false;
};

// Runs what it is given again and again; here only the keeping matters.
struct Executor {
  std::mutex mutex;
  std::vector<std::function<void()>> tickers;

  void every_second(std::function<void()> tick) {
    const std::lock_guard lock(mutex);
    tickers.push_back(std::move(tick));
  }
};

Executor executor;
std::mutex mutex;
std::map<std::uint64_t, std::shared_ptr<Session>> sessions;
Held held;

// The leaking site: the ticker captures the session that owns it.
[[gnu::noinline]] std::shared_ptr<Session> start_session(const std::string& user) {
  auto session = std::make_shared<Session>();
  session->history = user + std::string(kHistoryBytes, '.');
  session->on_tick = [session] {
    if (!session->is_over) session->history += '.';
  };
  executor.every_second(session->on_tick);
  held.add(kHistoryBytes);
  return session;
}

void log_in(const httplib::Request& request, httplib::Response& response) {
  auto session = start_session(request.matches[1]);
  const std::lock_guard lock(mutex);
  sessions[std::stoul(request.matches[1])] = std::move(session);
  // The oldest has logged out: it is forgotten, and thereby freed, the program believes.
  if (sessions.size() > 16) {
    sessions.begin()->second->is_over = true;
    sessions.erase(sessions.begin());
  }
  response.status = 201;
}

void add_routes(const Settings&, httplib::Server& server) { server.Post(R"(/sessions/(\d{1,9}))", log_in); }

}  // namespace

int main(int argc, char** argv) {
  return holdfast::scenarios::run(
      argc, argv,
      {.about = "A session held by its own callback, pinned by an executor: a leak.",
       .open = add_routes,
       .truth = [] { return held.truth(); }});
}
