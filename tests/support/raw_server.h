// A server that answers every connection with the same bytes, right or wrong: for the answers a proper HTTP
// server cannot be made to give, and for Unix sockets. Listens from construction to destruction, one
// connection at a time.
#pragma once

#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace holdfast::testing {

class RawServer {
 public:
  enum class Afterwards {
    close,
    keep_silent
  };  // keep_silent: hold the connection until the server is destroyed

  // On 127.0.0.1 and a free port.
  explicit RawServer(std::string answer, Afterwards afterwards = Afterwards::close);
  // On a Unix socket at `path`.
  RawServer(const std::string& path, std::string answer);
  RawServer(const RawServer&) = delete;
  RawServer& operator=(const RawServer&) = delete;
  ~RawServer();

  int port() const { return port_; }
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

  // The heads of the requests seen so far.
  std::vector<std::string> requests() const;

 private:
  void serve();
  void answer_one(int connection);

  std::string answer_;
  Afterwards afterwards_;
  int listener_ = -1;
  int port_ = 0;
  mutable std::mutex mutex_;
  std::vector<std::string> requests_;
  std::vector<int> held_;
  std::thread thread_;
};

// A whole HTTP answer with status 200.
std::string http_answer(const std::string& body);

// A port on 127.0.0.1 that nobody listens on.
int unused_port();

}  // namespace holdfast::testing
