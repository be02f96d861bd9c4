// ring_log, a control: the last 256 requests are kept in memory for a debug page; each new line replaces the
// oldest.
#include <array>
#include <mutex>

#include "scenarios/common/story.h"

namespace {

using holdfast::scenarios::Settings;

constexpr std::size_t kLines = 256;

std::mutex mutex;
std::array<std::string, kLines> lines;
std::size_t next_line = 0;

[[gnu::noinline]] std::string make_line(const httplib::Request& request) {
  return request.method + " " + request.path + " " + request.body;
}

void note(const httplib::Request& request, httplib::Response& response) {
  std::string line = make_line(request);
  const std::lock_guard lock(mutex);
  lines[next_line++ % kLines] = std::move(line);
  response.status = 204;
}

void show_last(const httplib::Request&, httplib::Response& response) {
  const std::lock_guard lock(mutex);
  std::string page;
  for (std::size_t back = 1; back <= 5 && back <= next_line; ++back)
    page += lines[(next_line - back) % kLines] + "\n";
  response.set_content(page, "text/plain");
}

void add_routes(const Settings&, httplib::Server& server) {
  server.Post(R"(/events/\d+)", note);
  server.Get("/debug/last", show_last);
}

}  // namespace

int main(int argc, char** argv) {
  return holdfast::scenarios::run(
      argc, argv,
      {.about = "A ring of log lines, each new one replacing the oldest: not a leak.", .open = add_routes});
}
