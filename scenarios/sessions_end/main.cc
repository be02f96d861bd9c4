// sessions_end, a control: clients log in, put things into their basket and log out after some twenty
// requests. Sessions live long for an allocation of a server, and all of them end.
#include <map>
#include <mutex>

#include "scenarios/common/story.h"

namespace {

using holdfast::scenarios::Settings;

struct Session {
  std::vector<std::string> basket;
};

std::mutex mutex;
std::map<std::string, Session> sessions;

[[gnu::noinline]] std::string make_item(const std::string& body) { return "item: " + body; }

void put_into_basket(const httplib::Request& request, httplib::Response& response) {
  std::string item = make_item(request.body);
  const std::lock_guard lock(mutex);
  sessions[request.matches[1]].basket.push_back(std::move(item));
  response.status = 201;
}

void log_out(const httplib::Request& request, httplib::Response& response) {
  const std::lock_guard lock(mutex);
  sessions.erase(request.matches[1]);
  response.status = 204;
}

void add_routes(const Settings&, httplib::Server& server) {
  server.Post(R"(/sessions/(\w+)/items)", put_into_basket);
  server.Delete(R"(/sessions/(\w+))", log_out);
}

}  // namespace

int main(int argc, char** argv) {
  return holdfast::scenarios::run(argc, argv,
                                  {.about = "Sessions that all end: not a leak.", .open = add_routes});
}
