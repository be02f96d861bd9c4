// The endpoint's own HTTP server: four threads that accept and serve, on cpp-httplib, and never disturb the
// program. They are named "holdfast-serve", block every signal that is not a fault of their own, and mark
// themselves by a function they are given. Four clients are served at once, up to sixteen others wait, an
// idle connection making room for them. Starting and ending come from ordinary code.
#pragma once

#include <holdfast/result.h>

#include <functional>
#include <memory>
#include <string>

#include "serve/access.h"
#include "serve/http.h"
#include "serve/tls.h"

namespace holdfast::serve {

struct ServerOptions {
  std::string listen;                     // as parse_listen_address() takes it
  std::function<void()> on_thread_start;  // called first on each thread the server makes
  TlsOptions tls = {};
  std::shared_ptr<Access> access = {};  // null: nobody is asked for a password
};

class Server {
 public:
  // A delta and a CPU profile may hold one each for minutes.
  static constexpr int kWorkers = 4;

  // Binds before it returns. Error when the address cannot be bound, other machines reach it and neither a
  // password nor a client's certificate is asked for, or TLS cannot be had. `handler` is called on the
  // workers with requests that may be answered.
  static Result<std::unique_ptr<Server>> start(ServerOptions options,
                                               std::function<Response(const Request&)> handler);

  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  // Ends at once what waits for a client, and what is being answered as soon as the handler returns; joins
  // the threads. In a forked child, where neither the threads nor the sockets are, it only lets go.
  ~Server();

  // "http://127.0.0.1:6060", "https://127.0.0.1:6060" or "unix:/path".
  std::string address() const;

 private:
  struct Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace holdfast::serve
