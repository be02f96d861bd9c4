// A real HTTP or HTTPS server on a free port of 127.0.0.1, from start() to destruction.
#pragma once

#include <httplib.h>

#include <memory>
#include <string>
#include <thread>
#include <utility>

namespace holdfast::testing {

class HttpServer {
 public:
  HttpServer() : HttpServer(std::make_unique<httplib::Server>()) {}
  explicit HttpServer(std::unique_ptr<httplib::Server> server) : server_(std::move(server)) {}
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;
  ~HttpServer() {
    server_->stop();
    if (thread_.joinable()) thread_.join();
  }

  // Before start(): where routes are added.
  httplib::Server& routes() { return *server_; }

  // Returns once connections are accepted: the socket listens before the thread runs.
  void start() {
    port_ = server_->bind_to_any_port("127.0.0.1");
    thread_ = std::thread([this] { server_->listen_after_bind(); });
    while (!server_->is_running()) std::this_thread::yield();
  }

  int port() const { return port_; }
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

 private:
  std::unique_ptr<httplib::Server> server_;
  std::thread thread_;
  int port_ = 0;
};

}  // namespace holdfast::testing
