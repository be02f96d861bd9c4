// pool_checkout, a leak until the pool is exhausted: connections to a real SQLite database come from a pool,
// and the error path of an order returns early without giving its connection back. The pool opens new ones,
// up to its limit; from then on nothing is served any more, and nothing grows.
#include <sqlite3.h>

#include <array>
#include <cstdlib>
#include <mutex>

#include "scenarios/common/story.h"

namespace {

using holdfast::scenarios::Held;
using holdfast::scenarios::Settings;
using holdfast::scenarios::Truth;

struct Pool {
  std::mutex mutex;
  std::vector<sqlite3*> idle;
  std::size_t opened = 0;
  std::size_t limit = 0;
};

Pool pool;
std::atomic<std::uint64_t> lost = 0;  // connections

void execute(sqlite3* database, const std::string& sql) {
  // Fails only when memory is out, and then there is no service.
  if (sqlite3_exec(database, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) std::abort();
}

// The leaking site: a connection that is not given back is opened anew for the next request.
[[gnu::noinline]] sqlite3* open_connection() {
  sqlite3* database = nullptr;
  if (sqlite3_open(":memory:", &database) != SQLITE_OK) std::abort();
  execute(database, "CREATE TABLE product (id INTEGER PRIMARY KEY, price INTEGER, picture BLOB)");
  execute(database,
          "WITH RECURSIVE n(id) AS (SELECT 0 UNION ALL SELECT id + 1 FROM n WHERE id < 63) "
          "INSERT INTO product SELECT id, 100 + id * 37 % 900, zeroblob(2000) FROM n");
  return database;
}

// An idle connection or a new one; null when the pool is exhausted.
sqlite3* take() {
  {
    const std::lock_guard lock(pool.mutex);
    if (!pool.idle.empty()) {
      sqlite3* database = pool.idle.back();
      pool.idle.pop_back();
      return database;
    }
    if (pool.opened == pool.limit) return nullptr;
    ++pool.opened;
  }
  return open_connection();
}

void give_back(sqlite3* database) {
  const std::lock_guard lock(pool.mutex);
  pool.idle.push_back(database);
}

void order(const httplib::Request& request, httplib::Response& response) {
  sqlite3* database = take();
  if (database == nullptr) {
    response.status = 503;
    return;
  }
  const std::string find = "SELECT price FROM product WHERE id = " + request.matches[1].str();
  sqlite3_stmt* query = nullptr;
  if (sqlite3_prepare_v2(database, find.c_str(), -1, &query, nullptr) != SQLITE_OK) std::abort();
  const bool is_known = sqlite3_step(query) == SQLITE_ROW;
  const std::string price = std::to_string(sqlite3_column_int64(query, 0));
  sqlite3_finalize(query);
  if (!is_known) {
    ++lost;
    response.status = 404;
    return;  // without give_back(): the leak
  }
  response.set_content(price, "text/plain");
  give_back(database);
}

void add_routes(const Settings& settings, httplib::Server& server) {
  pool.limit = settings.variant == "exhausted" ? 24 : 100'000;
  server.Post(R"(/orders/(\d{1,9}))", order);
}

Truth truth() { return {.objects = lost, .bytes = static_cast<std::uint64_t>(sqlite3_memory_used())}; }

}  // namespace

int main(int argc, char** argv) {
  return holdfast::scenarios::run(
      argc, argv,
      {.about = "A pooled connection not returned on the error path: a leak until the pool is exhausted.",
       .variants = {"exhausted"},
       .open = add_routes,
       .truth = truth});
}
