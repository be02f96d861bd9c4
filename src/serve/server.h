// The endpoint's own HTTP server: two threads that accept and serve, on cpp-httplib, and never disturb the
// program. They are named "holdfast-serve", block every signal that is not a fault of their own, and mark
// themselves by a function they are given. Two clients are served at once; others wait, an idle connection
// making room for them. Starting and ending come from ordinary code.
#pragma once

#include <holdfast/result.h>

#include <functional>
#include <memory>
#include <string>

#include "serve/routes.h"

namespace holdfast::serve {

struct ServerOptions {
  std::string listen;                     // as parse_listen_address() takes it
  std::function<void()> on_thread_start;  // called first on each thread the server makes
};

class Server {
 public:
  static constexpr int kWorkers = 2;

  // Binds before it returns. Error when the address is refused or cannot be bound. `handler` is called on the
  // workers.
  static Result<std::unique_ptr<Server>> start(ServerOptions options,
                                               std::function<Response(const Request&)> handler);

  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  // Ends at once what waits for a client, and what is being answered as soon as the handler returns; joins
  // the threads. In a forked child, where neither the threads nor the sockets are, it only lets go.
  ~Server();

  // "http://127.0.0.1:6060" or "unix:/path".
  std::string address() const;

 private:
  struct Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace holdfast::serve
