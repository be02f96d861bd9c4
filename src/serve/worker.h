// Serves one connection at a time: cpp-httplib parses its requests and writes the responses; what may be
// asked for, and of what size, is decided here before that library reads on. One thread; allocates.
#pragma once

#include <httplib.h>

#include <functional>
#include <optional>
#include <string>

#include "serve/connection.h"
#include "serve/http.h"

namespace holdfast::serve {

class Worker {
 public:
  static constexpr std::size_t kMaxBody = std::size_t{1} << 20;
  static constexpr std::size_t kMaxPath = 256;  // bytes; a query may be as long as cpp-httplib takes, 8 KiB
  static constexpr int kMaxRequests = 100;      // per connection
  static constexpr std::chrono::seconds kIdle{5};  // between two of them

  // What a worker shares with the others; must outlive it. `admit` sees a request without its body and may
  // refuse it; `handler` answers. Both are called on the worker's thread.
  struct Desk {
    std::function<std::optional<Response>(const Request&)> admit;
    std::function<Response(const Request&)> handler;
  };
  explicit Worker(const Desk& desk);
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Until the client is done, misbehaves, or `should_yield` while idle with somebody waiting at listen_fd.
  void serve(Connection& connection, int listen_fd, const std::function<bool()>& should_yield);

 private:
  // The part of cpp-httplib that turns one request on a stream into one response.
  class Http : public httplib::Server {
   public:
    using httplib::Server::process_request;
  };

  void examine(httplib::Request& raw);
  std::optional<Response> refuse_unread(const httplib::Request& raw) const;
  void answer_post(const httplib::Request& raw, httplib::Response& to, const httplib::ContentReader& read);
  void answer(const httplib::Request& raw, std::string body, httplib::Response& to);

  const Desk& desk_;
  std::optional<Http> http_;
  Connection* connection_ = nullptr;  // being served
  std::optional<Response> refusal_;   // of the request being read
  bool must_close_ = false;           // what the client goes on sending is no request
};

}  // namespace holdfast::serve
