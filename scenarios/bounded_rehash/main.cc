// bounded_rehash, a control: a counter for each of some thousand products. The hash table grows and rehashes
// while the products come up for the first time, and no further: there are no others.
#include <array>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "scenarios/common/story.h"

namespace {

using holdfast::scenarios::Settings;

constexpr std::uint64_t kProducts = 2000;
constexpr std::uint64_t kProductsPerOrder = 40;

using Counters = std::array<std::uint64_t, 64>;  // by country

std::mutex mutex;
std::unordered_map<std::uint64_t, std::unique_ptr<Counters>> sold;

[[gnu::noinline]] void count(std::uint64_t product, std::uint64_t country) {
  auto& counters = sold[product];
  if (!counters) counters = std::make_unique<Counters>();
  ++(*counters)[country % 64];
}

void order(const httplib::Request& request, httplib::Response& response) {
  const std::uint64_t number = std::stoul(request.matches[1]);
  const std::lock_guard lock(mutex);
  for (std::uint64_t item = 0; item < kProductsPerOrder; ++item) {
    count((number * kProductsPerOrder + item) * 7919 % kProducts, number);
  }
  response.status = 201;
}

void add_routes(const Settings&, httplib::Server& server) { server.Post(R"(/orders/(\d{1,9}))", order); }

}  // namespace

int main(int argc, char** argv) {
  return holdfast::scenarios::run(
      argc, argv,
      {.about = "A hash table that grows as far as there are keys: not a leak.", .open = add_routes});
}
