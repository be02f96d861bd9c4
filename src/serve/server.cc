#include "serve/server.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <optional>
#include <utility>

#include "serve/connection.h"
#include "serve/listener.h"
#include "serve/worker.h"

namespace holdfast::serve {
namespace {

// cpp-httplib matches some headers with std::regex, which recurses once per character; 8 KiB of them fit
// easily.
constexpr std::size_t kStackBytes = std::size_t{16} << 20;

// Every signal is the program's business, but a fault of the thread itself: that one must reach the program's
// crash handler, and would end the process unseen if it were blocked.
sigset_t signals_to_block() {
  sigset_t signals;
  sigfillset(&signals);
  for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT})
    sigdelset(&signals, fault);
  return signals;
}

}  // namespace

struct Server::Impl {
  Listener listener;
  std::function<void()> on_thread_start;
  std::shared_ptr<Access> access;
  std::optional<TlsContext> tls;
  Worker::Desk desk;
  const pid_t owner = getpid();
  Socket stop{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  std::atomic<int> free_workers{0};
  std::array<std::optional<Worker>, kWorkers> workers;
  std::array<pthread_t, kWorkers> threads{};
  int started = 0;

  explicit Impl(Listener bound) : listener(std::move(bound)) {}

  struct Start {
    Impl* server;
    Worker* worker;
  };
  std::array<Start, kWorkers> starts{};

  bool start_threads();
  void end_threads();
  static void* run(void* start);
  void work(Worker& worker);
  Socket accept();
  // Waits until a client may be at the door; false when the endpoint ends.
  bool wait(bool for_clients, int milliseconds) const;
};

bool Server::Impl::start_threads() {
  const sigset_t blocked = signals_to_block();
  sigset_t before;
  pthread_attr_t attributes;
  for (std::optional<Worker>& worker : workers) worker.emplace(desk);
  if (!stop || pthread_attr_init(&attributes) != 0) return false;
  pthread_attr_setstacksize(&attributes, kStackBytes);
  // A new thread inherits the mask of its maker: no signal finds it unprepared.
  pthread_sigmask(SIG_SETMASK, &blocked, &before);
  for (; started < kWorkers; ++started) {
    starts[started] = {this, &*workers[started]};
    if (pthread_create(&threads[started], &attributes, run, &starts[started]) != 0) break;
  }
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  pthread_attr_destroy(&attributes);
  return started == kWorkers;
}

void Server::Impl::end_threads() {
  eventfd_write(stop.fd(), 1);  // never read, so that it wakes every wait from now on
  for (int i = 0; i < started; ++i) pthread_join(threads[i], nullptr);
  started = 0;
}

void* Server::Impl::run(void* start) {
  const auto& [server, worker] = *static_cast<Start*>(start);
  if (server->on_thread_start) server->on_thread_start();
  pthread_setname_np(pthread_self(), "holdfast-serve");
  server->work(*worker);
  return nullptr;
}

bool Server::Impl::wait(bool for_clients, int milliseconds) const {
  pollfd watched[] = {{stop.fd(), POLLIN, 0}, {for_clients ? listener.fd() : -1, POLLIN, 0}};
  ::poll(watched, 2, milliseconds);
  return watched[0].revents == 0;
}

Socket Server::Impl::accept() {
  Socket client(::accept4(listener.fd(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  // Out of descriptors or memory: the client stays at the door, and asking again at once would spin.
  if (!client && errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) wait(false, 100);
  return client;
}

void Server::Impl::work(Worker& worker) {
  for (;;) {
    ++free_workers;
    const bool go_on = wait(true, -1);
    --free_workers;
    if (!go_on) return;
    Socket client = accept();
    if (!client) continue;
    try {
      TlsContext::Session session;
      if (tls && (session = tls->accept(client.fd())) == nullptr) continue;
      Connection connection(Channel(std::move(client), std::move(session)), stop.fd());
      worker.serve(connection, listener.fd(), [this] { return free_workers.load() == 0; });
    } catch (...) {
      // Memory was short: this client goes without an answer.
    }
  }
}

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Result<std::unique_ptr<Server>> Server::start(ServerOptions options,
                                              std::function<Response(const Request&)> handler) {
  const Result<ListenAddress> address = parse_listen_address(options.listen);
  if (!address) return address.error();
  std::shared_ptr<Access> access = std::move(options.access);
  if (!access) access = Access::open({}).value();
  if (!is_local(*address) && !access->asks_for_password() && options.tls.client_ca_file.empty()) {
    return Error{"refusing to listen at " + options.listen +
                     ": other machines reach it, and nobody is asked for a password or a certificate",
                 "listen at 127.0.0.1 or unix:/path and use ssh -L, or set auth_file or tls_client_ca"};
  }
  std::optional<TlsContext> tls;
  if (!options.tls.is_empty()) {
    Result<TlsContext> opened = TlsContext::open(options.tls);
    if (!opened) return opened.error();
    tls = std::move(opened).value();
  }
  Result<Listener> listener = Listener::open(*address);
  if (!listener) return listener.error();
  auto impl = std::make_unique<Impl>(std::move(listener).value());
  const Door door = {.kind = address->is_unix()   ? Door::Kind::unix
                             : is_local(*address) ? Door::Kind::loopback
                                                  : Door::Kind::network,
                     .is_tls = tls.has_value()};
  impl->access = std::move(access);
  impl->tls = std::move(tls);
  impl->desk.admit = [keeper = impl->access.get(), door](const Request& r) {
    return keeper->refuse(r, door);
  };
  impl->desk.handler = std::move(handler);
  impl->on_thread_start = std::move(options.on_thread_start);
  std::unique_ptr<Server> server(new Server(std::move(impl)));
  if (!server->impl_->start_threads()) {
    return Error{"cannot start the endpoint's threads",
                 "raise the limit of threads (ulimit -u) or of memory"};
  }
  return server;
}

Server::~Server() {
  if (impl_->owner != getpid()) {
    // The threads are the parent's, and so is the socket's name: the rest goes with this process.
    [[maybe_unused]] Impl* left = impl_.release();
    return;
  }
  impl_->end_threads();
  impl_->listener.remove_name();
}

std::string Server::address() const {
  const ListenAddress& a = impl_->listener.address();
  if (!a.unix_path.empty()) return "unix:" + a.unix_path;
  const bool v6 = a.host.find(':') != std::string::npos;
  return (impl_->tls ? "https://" : "http://") + (v6 ? "[" + a.host + "]" : a.host) + ":" +
         std::to_string(a.port);
}

}  // namespace holdfast::serve
