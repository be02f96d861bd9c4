// The endpoint's own HTTP server, on cpp-httplib: a listening thread and two workers that never disturb the program.
// They are named "holdfast-serve", block every signal, and mark themselves by a function they are given. start() and
// stop() come from ordinary code.
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
  static constexpr int kTimeoutSeconds = 5;             // of one read or write
  static constexpr std::size_t kMaxBody = 1 << 20;      // bytes
  static constexpr std::size_t kMaxPath = 256;          // bytes

  // Binds before it returns. Error when the address is refused or cannot be bound. `handler` is called on the workers.
  static Result<std::unique_ptr<Server>> start(ServerOptions options, std::function<Response(const Request&)> handler);

  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  // Ends what is being answered (within the timeouts) and joins the threads. In a forked child, where the threads are
  // not, it only lets go.
  ~Server();

  // "http://127.0.0.1:6060" or "unix:/path".
  std::string address() const;

 private:
  struct Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace holdfast::serve
