// batch_sawtooth, a control: measurements are gathered and written out a few hundred at a time. In between
// memory grows as that of any leak does.
#include <mutex>
#include <numeric>

#include "scenarios/common/story.h"

namespace {

using holdfast::scenarios::Settings;

constexpr std::size_t kBatch = 250;

std::mutex mutex;
std::vector<std::string> batch;
std::size_t bytes_written = 0;

[[gnu::noinline]] std::string make_measurement(const std::string& body) { return "measured: " + body; }

void write_out(const std::vector<std::string>& measurements) {
  bytes_written = std::accumulate(measurements.begin(), measurements.end(), bytes_written,
                                  [](std::size_t sum, const std::string& text) { return sum + text.size(); });
}

void gather(const httplib::Request& request, httplib::Response& response) {
  std::string measurement = make_measurement(request.body);
  const std::lock_guard lock(mutex);
  batch.push_back(std::move(measurement));
  if (batch.size() == kBatch) {
    write_out(batch);
    batch.clear();
  }
  response.status = 202;
}

void add_routes(const Settings&, httplib::Server& server) { server.Post("/measurements", gather); }

}  // namespace

int main(int argc, char** argv) {
  return holdfast::scenarios::run(
      argc, argv, {.about = "Batches that grow and are written out: not a leak.", .open = add_routes});
}
