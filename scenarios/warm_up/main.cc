// warm_up, a control: a shop that builds its tables at start and its pool of SQLite connections over the
// first requests, then serves steady traffic whose garbage dies with each request. Much is kept for good, yet
// nothing leaks.
#include <sqlite3.h>

#include <array>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "scenarios/common/story.h"

namespace {

using holdfast::scenarios::Settings;
using holdfast::scenarios::Truth;

constexpr std::int64_t kProducts = 64;
constexpr std::size_t kConnections = 6;

// Keywords and translations, the kind of table every service loads before its first request.
std::unordered_map<std::string, std::vector<std::string>> vocabulary;

void build_vocabulary() {
  for (int word = 0; word < 2000; ++word) {
    auto& translations = vocabulary["keyword number " + std::to_string(word)];
    for (const char* language : {"de", "en", "fr", "it"}) {
      translations.push_back(std::string(language) + ": translation of keyword number " +
                             std::to_string(word));
    }
  }
}

// A connection with its own catalogue in memory; fails only when memory is out, and then there is no service.
class Connection {
 public:
  Connection() {
    run(sqlite3_open(":memory:", &database_));
    execute("CREATE TABLE product (id INTEGER PRIMARY KEY, name TEXT, price INTEGER)");
    execute("BEGIN");
    for (std::int64_t id = 0; id < kProducts; ++id) {
      execute("INSERT INTO product VALUES (" + std::to_string(id) + ", 'product number " +
              std::to_string(id) + std::string(64, '.') + "', " + std::to_string(100 + id * 37 % 900) + ")");
    }
    execute("COMMIT");
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() { sqlite3_close(database_); }

  // {"name", "price"} of a product; null when there is none.
  nlohmann::json product(std::int64_t id) {
    sqlite3_stmt* query = nullptr;
    run(sqlite3_prepare_v2(database_, "SELECT name, price FROM product WHERE id = ?", -1, &query, nullptr));
    run(sqlite3_bind_int64(query, 1, id));
    nlohmann::json found;
    if (sqlite3_step(query) == SQLITE_ROW) {
      found = {{"name", reinterpret_cast<const char*>(sqlite3_column_text(query, 0))},
               {"price", sqlite3_column_int64(query, 1)}};
    }
    sqlite3_finalize(query);
    return found;
  }

 private:
  static void run(int code) {
    if (code != SQLITE_OK) std::abort();
  }
  void execute(const std::string& sql) {
    run(sqlite3_exec(database_, sql.c_str(), nullptr, nullptr, nullptr));
  }

  sqlite3* database_ = nullptr;
};

class Pool {
 public:
  // Opens one more connection while the pool is below its bound, then waits for an idle one.
  std::unique_ptr<Connection> take() {
    std::unique_lock lock(mutex_);
    if (opened_ < kConnections) {
      ++opened_;
      lock.unlock();
      return std::make_unique<Connection>();
    }
    returned_.wait(lock, [this] { return !idle_.empty(); });
    auto connection = std::move(idle_.back());
    idle_.pop_back();
    return connection;
  }

  void give_back(std::unique_ptr<Connection> connection) {
    const std::lock_guard lock(mutex_);
    idle_.push_back(std::move(connection));
    returned_.notify_one();
  }

 private:
  std::mutex mutex_;
  std::condition_variable returned_;
  std::size_t opened_ = 0;
  std::vector<std::unique_ptr<Connection>> idle_;
};

Pool pool;

nlohmann::json find_product(std::int64_t id) {
  auto connection = pool.take();
  nlohmann::json product = connection->product(id);
  pool.give_back(std::move(connection));
  return product;
}

void show_product(const httplib::Request& request, httplib::Response& response) {
  nlohmann::json product = find_product(std::stol(request.matches[1]));
  if (product.is_null()) {
    response.status = 404;
    return;
  }
  product["keywords"] = vocabulary.at("keyword number " + request.matches[1].str());
  response.set_content(product.dump(), "application/json");
}

void price_order(const httplib::Request& request, httplib::Response& response) {
  const auto order = nlohmann::json::parse(request.body, nullptr, false);
  if (!order.is_object() || !order.contains("items") || !order["items"].is_array()) {
    response.status = 400;
    return;
  }
  std::int64_t total = 0;
  nlohmann::json lines = nlohmann::json::array();
  for (const auto& item : order["items"]) {
    if (!item.is_object()) continue;
    nlohmann::json product = find_product(item.value("product", std::int64_t{-1}));
    if (product.is_null()) continue;
    total += product.value("price", std::int64_t{0}) * item.value("count", std::int64_t{1});
    lines.push_back(std::move(product));
  }
  response.set_content(nlohmann::json{{"total", total}, {"lines", lines}}.dump(), "application/json");
}

void add_routes(const Settings&, httplib::Server& server) {
  build_vocabulary();
  server.Get(R"(/products/(\d{1,9}))", show_product);
  server.Post("/orders", price_order);
}

// Nothing here is held for the wrong reason.
Truth truth() { return {}; }

}  // namespace

int main(int argc, char** argv) {
  return holdfast::scenarios::run(
      argc, argv,
      {.about = "Tables and pools built during warm-up, then steady traffic: not a leak.",
       .open = add_routes,
       .truth = truth});
}
