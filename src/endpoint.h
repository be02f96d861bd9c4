// What answers the heap endpoint's requests, whichever way they come: the built-in server, or
// holdfast::handle(). Made by the session; its functions are called on any thread, allocate, and leave the
// caller's thread quiet meanwhile.
#pragma once

#include <holdfast/holdfast.h>
#include <holdfast/http.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>

#include "serve/access.h"
#include "serve/routes.h"
#include "serve/server.h"

namespace holdfast {

class Endpoint {
 public:
  // Reads the passwords, and starts the built-in server if options.listen says where. `sources.wait` is set
  // here. Error when one of them cannot be had.
  static Result<std::unique_ptr<Endpoint>> open(const Options& options, serve::Sources sources);

  Endpoint(const Endpoint&) = delete;
  Endpoint& operator=(const Endpoint&) = delete;
  // In this order: no new request is taken, waiting deltas end, what is being answered is answered, the
  // threads end.
  ~Endpoint();

  // "http://127.0.0.1:6060" or "unix:/path"; empty without a built-in server.
  std::string address() const;

  // Switched off, it refuses all requests but the POST that switches it on again.
  void set_answering(bool on) noexcept { answering_.store(on); }
  bool answering() const noexcept { return answering_.load(); }

  // A request that came through a server of the program's own, for the endpoint that is open now.
  static HttpResponse handle_now(const HttpRequest& request);

 private:
  Endpoint() = default;
  HttpResponse handle(const HttpRequest& request);
  serve::Response answer(const serve::Request& request);
  serve::Response switch_route(const serve::Request& request);
  // False when the endpoint is closing.
  bool wait(int seconds);

  const pid_t owner_ = getpid();
  std::atomic<bool> answering_{true};
  std::mutex mutex_;
  std::condition_variable changed_;
  bool closing_ = false;
  std::shared_ptr<serve::Access> access_;
  std::unique_ptr<serve::Routes> routes_;
  std::unique_ptr<serve::Server> server_;
};

}  // namespace holdfast
