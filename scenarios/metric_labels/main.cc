// metric_labels, a leak: a histogram of answer times per path, and the path carries an order's number. The
// registry keeps one more time series for each order there ever was.
#include <array>
#include <chrono>
#include <map>
#include <memory>
#include <mutex>

#include "scenarios/common/story.h"

namespace {

using holdfast::scenarios::Held;
using holdfast::scenarios::Settings;

struct Histogram {
  std::array<std::uint64_t, 512> buckets{};
  void observe(std::uint64_t microseconds) { ++buckets[std::min<std::uint64_t>(microseconds / 10, 511)]; }
};

Held held;

class Registry {
 public:
  // The leaking site: a histogram for every value the label ever had.
  [[gnu::noinline]] Histogram& histogram(const std::string& path) {
    auto& series = series_[path];
    if (!series) {
      series = std::make_unique<Histogram>();
      held.add(sizeof(Histogram));
    }
    return *series;
  }

  void observe(const std::string& path, std::uint64_t microseconds) {
    const std::lock_guard lock(mutex_);
    histogram(path).observe(microseconds);
  }

 private:
  std::mutex mutex_;
  std::map<std::string, std::unique_ptr<Histogram>> series_;
};

Registry registry;

void add_routes(const Settings&, httplib::Server& server) {
  server.Get(R"(/orders/\d+)", [](const httplib::Request& request, httplib::Response& response) {
    const auto begin = std::chrono::steady_clock::now();
    response.set_content("paid", "text/plain");
    const auto took = std::chrono::steady_clock::now() - begin;
    registry.observe(request.path, static_cast<std::uint64_t>(took / std::chrono::microseconds(1)));
  });
}

}  // namespace

int main(int argc, char** argv) {
  return holdfast::scenarios::run(argc, argv,
                                  {.about = "A time series for each value of a label without end: a leak.",
                                   .open = add_routes,
                                   .truth = [] { return held.truth(); }});
}
