// tenant_cache, a leak: prices are cached per tenant the first time one orders, and no tenant is ever
// evicted. Tenants sign up, order for a while and are never seen again; their price lists stay in a global
// map.
#include <map>
#include <mutex>

#include "scenarios/common/story.h"

namespace {

using holdfast::scenarios::Held;
using holdfast::scenarios::Settings;

constexpr std::size_t kPrices = 2048;

struct PriceList {
  std::vector<double> prices;
};

std::mutex mutex;
std::map<std::string, PriceList> tenants;
Held held;

// The leaking site: nobody erases what this put into `tenants`.
[[gnu::noinline]] PriceList load_prices(const std::string& tenant) {
  PriceList list;
  list.prices.reserve(kPrices);
  const std::size_t discount = std::hash<std::string>{}(tenant) % 30;
  for (std::size_t product = 0; product < kPrices; ++product) {
    list.prices.push_back(static_cast<double>(100 + product % 900) *
                          (1 - 0.01 * static_cast<double>(discount)));
  }
  held.add(kPrices * sizeof(double));
  return list;
}

double price(const std::string& tenant, std::size_t product) {
  const std::lock_guard lock(mutex);
  auto known = tenants.find(tenant);
  if (known == tenants.end()) known = tenants.emplace(tenant, load_prices(tenant)).first;
  return known->second.prices[product % kPrices];
}

void add_routes(const Settings&, httplib::Server& server) {
  server.Post(R"(/tenants/(\d+)/orders/(\d{1,9}))",
              [](const httplib::Request& request, httplib::Response& response) {
                const double total = price(request.matches[1], std::stoul(request.matches[2]));
                response.set_content(std::to_string(total), "text/plain");
              });
}

}  // namespace

int main(int argc, char** argv) {
  return holdfast::scenarios::run(
      argc, argv,
      {.about = "A cache per tenant without eviction, while tenants keep coming: a leak.",
       .open = add_routes,
       .truth = [] { return held.truth(); }});
}
