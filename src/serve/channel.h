// Bytes to and from one client that never block: plain, or inside TLS. One worker; allocates nothing of its
// own.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <utility>

#include "serve/socket.h"
#include "serve/tls.h"

namespace holdfast::serve {

class Channel {
 public:
  // A null session is a plain connection. TLS writes may raise SIGPIPE: the worker blocks that signal.
  explicit Channel(Socket socket, TlsContext::Session tls = nullptr)
      : socket_(std::move(socket)), tls_(std::move(tls)) {}

  // What a step came to: bytes moved; 0 at the end of what the client sends; -1 when the socket must first be
  // ready for `wait_for` (poll events), or, where that is 0, when the connection is broken.
  struct Step {
    ssize_t count = -1;
    short wait_for = 0;
  };
  Step receive(char* to, std::size_t size);
  Step send(const char* from, std::size_t size);

  // Tells the client that nothing follows.
  void end_sending();

  // Whether receive() has bytes although the socket shows none.
  bool has_pending() const;

  int fd() const noexcept { return socket_.fd(); }
  void close() noexcept;

 private:
  Step tls_step(int result);

  Socket socket_;
  TlsContext::Session tls_;  // goes before the socket
  bool is_broken_ = false;   // TLS failed
};

}  // namespace holdfast::serve
