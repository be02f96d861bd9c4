#include "serve/channel.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <climits>

namespace holdfast::serve {
namespace {

int clamped(std::size_t size) { return static_cast<int>(std::min<std::size_t>(size, INT_MAX)); }

Channel::Step plain_step(ssize_t result, short event) {
  if (result >= 0) return {result, 0};
  return {-1, errno == EINTR || errno == EAGAIN ? event : short{0}};
}

}  // namespace

Channel::Step Channel::tls_step(int result) {
  if (result > 0) return {result, 0};
  switch (SSL_get_error(tls_.get(), result)) {
    case SSL_ERROR_WANT_READ:
      return {-1, POLLIN};
    case SSL_ERROR_WANT_WRITE:
      return {-1, POLLOUT};
    case SSL_ERROR_ZERO_RETURN:
      return {0, 0};
    default:
      // No TLS, no certificate, or gone: the session takes no further call. An alert that says so may be on
      // its way.
      ERR_clear_error();
      is_broken_ = true;
      return {-1, 0};
  }
}

Channel::Step Channel::receive(char* to, std::size_t size) {
  if (!socket_ || is_broken_) return {};
  if (!tls_) return plain_step(::recv(socket_.fd(), to, size, 0), POLLIN);
  ERR_clear_error();
  return tls_step(SSL_read(tls_.get(), to, clamped(size)));
}

Channel::Step Channel::send(const char* from, std::size_t size) {
  if (!socket_ || is_broken_) return {};
  if (!tls_) return plain_step(::send(socket_.fd(), from, size, MSG_NOSIGNAL), POLLOUT);
  ERR_clear_error();
  return tls_step(SSL_write(tls_.get(), from, clamped(size)));
}

void Channel::end_sending() {
  if (tls_ && !is_broken_ && SSL_is_init_finished(tls_.get())) {
    ERR_clear_error();
    SSL_shutdown(tls_.get());
  }
  ERR_clear_error();
  if (socket_) ::shutdown(socket_.fd(), SHUT_WR);
}

bool Channel::has_pending() const { return tls_ && SSL_pending(tls_.get()) > 0; }

void Channel::close() noexcept {
  tls_.reset();
  socket_.close();
}

}  // namespace holdfast::serve
