// The socket the endpoint accepts connections at. Ordinary code; allocates for its errors.
#pragma once

#include <holdfast/result.h>
#include <sys/types.h>

#include "serve/listen_address.h"
#include "serve/socket.h"

namespace holdfast::serve {

class Listener {
 public:
  // Bound and listening, non-blocking. A Unix socket has mode 0600 from the first moment it can be connected
  // to; a stale one of that name is removed only if nobody listens at it. Error when the address cannot be
  // had.
  static Result<Listener> open(ListenAddress address);

  int fd() const noexcept { return socket_.fd(); }
  // With the port that was picked.
  const ListenAddress& address() const noexcept { return address_; }

  // Removes the Unix socket's name, if it is still ours.
  void remove_name() const noexcept;

 private:
  Listener() = default;
  Result<void> open_tcp();
  Result<void> open_unix();

  Socket socket_;
  ListenAddress address_;
  dev_t device_ = 0;  // of the Unix socket
  ino_t inode_ = 0;
};

}  // namespace holdfast::serve
