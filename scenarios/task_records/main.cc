// task_records, a leak: a record of each finished task is kept for a status page, which only ever shows the
// last ten.
#include <algorithm>
#include <deque>
#include <mutex>

#include "scenarios/common/story.h"

namespace {

using holdfast::scenarios::Held;
using holdfast::scenarios::Settings;

struct Record {
  std::string task;
  std::string output;
};

std::mutex mutex;
std::deque<Record> records;  // oldest first
Held held;

// What the task printed; the leaking site, as `records` keeps it.
[[gnu::noinline]] std::string run_task(const std::string& input) {
  std::string output;
  output.reserve(2 * input.size() + 1);
  for (const char c : input) (output += c) += '\n';
  return output;
}

void run(const httplib::Request& request, httplib::Response& response) {
  Record record{request.matches[1], run_task(request.body)};
  response.set_content(std::to_string(record.output.size()), "text/plain");
  const std::lock_guard lock(mutex);
  held.add(record.output.capacity() + 1);
  records.push_back(std::move(record));
}

void show_status(const httplib::Request&, httplib::Response& response) {
  const std::lock_guard lock(mutex);
  std::string page;
  for (auto record = records.rbegin(); record != records.rend() && record < records.rbegin() + 10; ++record) {
    page += record->task + ": " + std::to_string(record->output.size()) + " bytes\n";
  }
  response.set_content(page, "text/plain");
}

void add_routes(const Settings&, httplib::Server& server) {
  server.Post(R"(/tasks/(\d+))", run);
  server.Get("/status", show_status);
}

}  // namespace

int main(int argc, char** argv) {
  return holdfast::scenarios::run(argc, argv,
                                  {.about = "Records of finished tasks, kept for a status page: a leak.",
                                   .open = add_routes,
                                   .truth = [] { return held.truth(); }});
}
