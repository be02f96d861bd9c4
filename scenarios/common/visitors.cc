// How each story is visited: which requests, with which bodies, and which answers count as right. What a
// request holds follows from its number alone, so that every run of the same length sends the same traffic.
#include <nlohmann/json.hpp>
#include <random>

#include "scenarios/common/traffic.h"

namespace holdfast::scenarios {
namespace {

using Random = std::minstd_rand;

Random random_of(std::uint64_t number) {
  return Random(static_cast<Random::result_type>(number * 2654435761u + 1));
}

std::uint64_t pick(Random& random, std::uint64_t below) {
  return std::uniform_int_distribution<std::uint64_t>(0, below - 1)(random);
}

std::string letters(Random& random, std::size_t count) {
  std::string text(count, ' ');
  for (char& c : text) c = static_cast<char>('a' + pick(random, 26));
  return text;
}

bool answered(const httplib::Result& result, int status) { return result && result->status == status; }

// router_closure: opens a session with a 64 KiB body, then asks for it; each client its own sessions.
class SessionVisitor : public Visitor {
 public:
  bool send(httplib::Client& client, std::uint64_t number) override {
    return session_.empty() ? open(client, number) : ask(client);
  }

 private:
  static constexpr std::size_t kBodyBytes = 64 * 1024;

  bool open(httplib::Client& client, std::uint64_t number) {
    body_.assign(kBodyBytes, static_cast<char>('a' + number % 26));
    const auto result = client.Post("/sessions", body_, "text/plain");
    if (!answered(result, 201)) return false;
    session_ = result->get_header_value("Location");
    return !session_.empty();
  }

  bool ask(httplib::Client& client) {
    const auto result = client.Get(session_);
    session_.clear();
    if (!answered(result, 200)) return false;
    const auto told = nlohmann::json::parse(result->body, nullptr, false);
    return told.is_object() && told.value("bytes", std::size_t{0}) == kBodyBytes;
  }

  std::string body_;
  std::string session_;  // path of the session opened by the last request
};

// lru_full: one request in five wants one of eight front pages, the others any of 4096; one in ten rewrites
// its page.
class PageVisitor : public Visitor {
 public:
  bool send(httplib::Client& client, std::uint64_t number) override {
    Random random = random_of(number);
    const std::uint64_t page = pick(random, 5) == 0 ? pick(random, 8) : pick(random, 4096);
    const std::string path = "/pages/" + std::to_string(page);
    if (pick(random, 10) == 0) return answered(client.Put(path, letters(random, 200), "text/plain"), 204);
    return answered(client.Get(path), 200);
  }
};

// warm_up: product pages, and every third request an order that the server prices and forgets.
class ShopVisitor : public Visitor {
 public:
  bool send(httplib::Client& client, std::uint64_t number) override {
    Random random = random_of(number);
    if (number % 3 != 0) {
      return answered(client.Get("/products/" + std::to_string(pick(random, 64))), 200);
    }
    nlohmann::json order = {{"customer", letters(random, 24)}, {"items", nlohmann::json::array()}};
    for (std::uint64_t items = 1 + pick(random, 12); items > 0; --items) {
      order["items"].push_back({{"product", pick(random, 64)}, {"count", 1 + pick(random, 9)}});
    }
    return answered(client.Post("/orders", order.dump(), "application/json"), 200);
  }
};

}  // namespace

std::unique_ptr<Visitor> make_visitor(const std::string& story) {
  if (story == "router_closure") return std::make_unique<SessionVisitor>();
  if (story == "lru_full") return std::make_unique<PageVisitor>();
  if (story == "warm_up") return std::make_unique<ShopVisitor>();
  return nullptr;
}

std::vector<std::string> known_stories() { return {"router_closure", "lru_full", "warm_up"}; }

}  // namespace holdfast::scenarios
