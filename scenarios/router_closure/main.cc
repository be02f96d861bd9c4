// router_closure, the flagship leak: POST /sessions registers a handler for the new session in the global
// router, and the handler's closure captures the whole request body. A session closes once it has been asked
// for, yet nobody takes its route out again. Everything stays reachable, and the router's destructor frees it
// all at exit: leak checkers that look at exit, or for lost pointers, see nothing. The corrected twin
// (--fixed) captures the few bytes its answer needs and removes a closed session's route; to a client both
// look the same.
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <unordered_set>

#include "scenarios/common/story.h"

namespace {

using holdfast::scenarios::Settings;
using holdfast::scenarios::Truth;
using Handler = std::function<void(httplib::Response&)>;

struct Router {
  std::mutex mutex;
  std::map<std::string, Handler> routes;
};

Router router;

std::mutex sessions_mutex;
std::unordered_set<std::string> open_sessions;  // paths
std::uint64_t sessions_opened = 0;
Truth held;  // bodies kept by closures

std::string summary(const std::string& body) {
  const nlohmann::json told = {{"bytes", body.size()}, {"digest", std::hash<std::string>{}(body)}};
  return told.dump();
}

// The leaking site: the closure's copy of `body` lives as long as the route.
[[gnu::noinline]] Handler make_handler(const std::string& body) {
  return [body](httplib::Response& response) { response.set_content(summary(body), "application/json"); };
}

[[gnu::noinline]] Handler make_summary_handler(const std::string& body) {
  return
      [told = summary(body)](httplib::Response& response) { response.set_content(told, "application/json"); };
}

// Opens a session and returns its path.
std::string open_session() {
  const std::lock_guard lock(sessions_mutex);
  return *open_sessions.insert("/sessions/" + std::to_string(++sessions_opened)).first;
}

// False when it was not open.
bool close_session(const std::string& path) {
  const std::lock_guard lock(sessions_mutex);
  return open_sessions.erase(path) > 0;
}

void register_session(bool fixed, const httplib::Request& request, httplib::Response& response) {
  const std::string path = open_session();
  Handler handler = fixed ? make_summary_handler(request.body) : make_handler(request.body);
  {
    const std::lock_guard lock(router.mutex);
    router.routes[path] = std::move(handler);
    if (!fixed) {
      held.objects += 1;
      held.bytes += request.body.size() + 1;
    }
  }
  response.status = 201;
  response.set_header("Location", path);
}

void call_session(bool fixed, const httplib::Request& request, httplib::Response& response) {
  Handler handler;
  if (close_session(request.path)) {
    const std::lock_guard lock(router.mutex);
    const auto route = router.routes.find(request.path);
    if (route != router.routes.end()) handler = route->second;
    if (fixed) router.routes.erase(request.path);  // the line the leaking twin lacks
  }
  if (!handler) {
    response.status = 404;
    return;
  }
  handler(response);
}

void add_routes(const Settings& settings, httplib::Server& server) {
  server.Post("/sessions",
              [fixed = settings.fixed](const httplib::Request& request, httplib::Response& response) {
                register_session(fixed, request, response);
              });
  server.Get(R"(/sessions/\d+)",
             [fixed = settings.fixed](const httplib::Request& request, httplib::Response& response) {
               call_session(fixed, request, response);
             });
}

Truth truth() {
  const std::lock_guard lock(router.mutex);
  return held;
}

}  // namespace

int main(int argc, char** argv) {
  return holdfast::scenarios::run(
      argc, argv,
      {.about = "POST /sessions registers a handler whose closure keeps the body: a leak.",
       .has_fixed_twin = true,
       .open = add_routes,
       .truth = truth});
}
