#include "scenarios/common/visitors.h"

#include <nlohmann/json.hpp>

#include "scenarios/common/http_visitor.h"
#include "scenarios/common/socket_visitors.h"
#include "scenarios/common/unmodified_visitors.h"

namespace holdfast::scenarios {
namespace {

// router_closure: opens a session with a 64 KiB body, then asks for it; each client its own sessions.
class SessionVisitor : public Visitor {
 public:
  explicit SessionVisitor(std::unique_ptr<httplib::Client> client) : client_(std::move(client)) {}

  std::string send(std::uint64_t number) override { return session_.empty() ? open(number) : ask(); }

 private:
  static constexpr std::size_t kBodyBytes = 64 * 1024;

  std::string open(std::uint64_t number) {
    body_.assign(kBodyBytes, static_cast<char>('a' + number % 26));
    const auto result = client_->Post("/sessions", body_, "text/plain");
    std::string failure = wrong("POST /sessions", result, 201);
    if (failure.empty()) session_ = result->get_header_value("Location");
    return failure;
  }

  std::string ask() {
    const std::string session = std::move(session_);
    session_.clear();
    const auto result = client_->Get(session);
    if (std::string failure = wrong("GET " + session, result, 200); !failure.empty()) return failure;
    const auto told = nlohmann::json::parse(result->body, nullptr, false);
    const bool is_right = told.is_object() && told.value("bytes", std::size_t{0}) == kBodyBytes;
    return is_right ? std::string() : "GET " + session + ": " + result->body;
  }

  std::unique_ptr<httplib::Client> client_;
  std::string body_;
  std::string session_;  // path of the session opened by the last request
};

// sessions_end: fills a basket with some forty things, one a request, and logs out.
class BasketVisitor : public Visitor {
 public:
  explicit BasketVisitor(std::unique_ptr<httplib::Client> client) : client_(std::move(client)) {}

  std::string send(std::uint64_t number) override {
    if (session_.empty()) session_ = "/sessions/" + std::to_string(number);
    if (items_++ < 30 + number % 20) {
      const std::string item = expand("<letters 4000>", number);
      return wrong("POST item", client_->Post(session_ + "/items", item, "text/plain"), 201);
    }
    items_ = 0;
    const std::string session = std::move(session_);
    session_.clear();
    return wrong("DELETE " + session, client_->Delete(session), 204);
  }

 private:
  std::unique_ptr<httplib::Client> client_;
  std::string session_;
  std::uint64_t items_ = 0;
};

template <typename OneVisitor>
std::unique_ptr<Visitor> visit_as(const std::string& app) {
  auto client = connect(app);
  if (!client) return nullptr;
  return std::make_unique<OneVisitor>(std::move(client));
}

Visited http(std::string story, std::vector<Request> requests) {
  return {std::move(story), [requests](const std::string& app) { return http_visitor(app, requests); }};
}

}  // namespace

std::vector<Visited> visitors() {
  return {
      {"router_closure", visit_as<SessionVisitor>},
      {"listener_list", visit_feed},
      {"slow_consumer", visit_subscribed},
      http("tenant_cache", {{"POST", "/tenants/<n/4>/orders/<pick 2048>", "", 200}}),
      http("session_cycle", {{"POST", "/sessions/<n>", "", 201}}),
      http("retry_queue", {{"POST", "/accounts/<pick 1000>/payments", "<letters 16384>", 202}}),
      http("timer_queue", {{"POST", "/calls", "<letters 4096>", 200}}),
      http("context_map", {{"PUT", "/uploads/<n>00", "", 422, 1}, {"PUT", "/uploads/<n>01", "", 204, 99}}),
      http("string_interning", {{"POST", "/queries",
                                 "select title from order_<letters 400> where id = <letters 400> and day = "
                                 "<letters 400> and customer = <letters 400>",
                                 200}}),
      http("metric_labels", {{"GET", "/orders/<n>", "", 200}}),
      http("coroutine_parked", {{"POST", "/questions/<n>00", "<letters 2000>", 504, 1},
                                {"POST", "/questions/<n>01", "<letters 2000>", 200, 3}}),
      http("task_records",
           {{"POST", "/tasks/<n>", "<letters 2000>", 200, 9}, {"GET", "/status", "", 200, 1}}),
      // Once the pool is exhausted, nobody is served.
      http("pool_checkout",
           {{"POST", "/orders/<pick 64>", "", 200, 19, 503}, {"POST", "/orders/<n>64", "", 404, 1, 503}}),
      http("unjoined_threads", {{"POST", "/imports", "", 202}}),
      http("lost_pointer", {{"POST", "/conversions", "<letters 2000>", 200, 3},
                            {"POST", "/conversions", "<letters 2000>!", 400, 1}}),
      http("rare_request", {{"GET", "/batches/<n>/40", "", 200}}),
      http("growing_buffer", {{"POST", "/changes/<n>", "<letters 2000>", 204}}),
      http("arena_never_reset",
           {{"POST", "/documents", "<letters 500> <letters 500> <letters 500> <letters 500>", 200}}),
      // One request in five wants one of eight front pages, the others any of 4096; one in ten rewrites a
      // page.
      http("lru_full", {{"GET", "/pages/<pick 8>", "", 200, 9},
                        {"PUT", "/pages/<pick 8>", "<letters 200>", 204, 1},
                        {"GET", "/pages/<pick 4096>", "", 200, 36},
                        {"PUT", "/pages/<pick 4096>", "<letters 200>", 204, 4}}),
      // Product pages, and every third request an order that the server prices and forgets.
      http("warm_up", {{"GET", "/products/<pick 64>", "", 200, 2},
                       {"POST", "/orders",
                        R"({"customer": "<letters 24>", "items": [{"product": <pick 64>, "count": <pick 9>},)"
                        R"( {"product": <pick 64>, "count": 1}, {"product": <pick 64>, "count": 2}]})",
                        200, 1}}),
      http("lru_filling", {{"GET", "/pages/<n>", "", 200}}),
      http("startup_tables", {{"GET", "/words/word<pick 20000>", "", 200}}),
      http("ring_log",
           {{"POST", "/events/<n>", "<letters 4000>", 204, 9}, {"GET", "/debug/last", "", 200, 1}}),
      http("batch_sawtooth", {{"POST", "/measurements", "<letters 4000>", 202}}),
      http("ttl_cache", {{"GET", "/pages/<n>", "", 200, 4}, {"GET", "/pages/<pick 50>", "", 200, 1}}),
      http("config_reload", {{"GET", "/entries/<pick 2000>", "", 200}}),
      http("bounded_rehash", {{"POST", "/orders/<n>", "", 201}}),
      http("heavy_tail", {{"POST", "/jobs", "<letters 200>", 202}}),
      http("in_flight", {{"POST", "/pictures", "<letters 2000>", 202}}),
      http("object_pool", {{"POST", "/encodings", "<letters 500>", 200},
                           {"POST", "/encodings", "<letters 501>", 200},
                           {"POST", "/encodings", "<letters 507>", 200}}),
      http("load_ramp", {{"POST", "/orders", "<letters 200>", 202}}),
      http("fragmentation", {{"GET", "/table", "", 200}}),
      http("allocator_retains", {{"GET", "/reports/<n>", "", 200}}),
      http("high_water_buffer", {{"POST", "/files/<n>", "", 204}}),
      {"redis_slow_subscriber", visit_redis_channel},
      {"redis_never_expires", visit_redis_keys},
      {"redis_expiring", visit_redis_expiring},
      {"nginx_static", visit_nginx},
      {"sessions_end", visit_as<BasketVisitor>},
  };
}

}  // namespace holdfast::scenarios
