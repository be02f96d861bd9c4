#include "serve/server.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <thread>

#include "serve/access.h"
#include "serve/workers.h"

namespace holdfast::serve {
namespace {

Request request_of(const httplib::Request& raw, std::string body) {
  Request request;
  request.method = raw.method;
  request.path = raw.path;
  for (const auto& [name, value] : raw.params) request.query.emplace(name, value);
  for (const auto& [name, value] : raw.headers) {
    std::string lower = name;
    std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    request.headers.emplace(std::move(lower), value);
  }
  request.body = std::move(body);
  return request;
}

void answer(const Response& from, httplib::Response& to) {
  to.status = from.status;
  std::string type = "text/plain";
  for (const auto& [name, value] : from.headers) {
    if (name == "Content-Type") {
      type = value;
    } else {
      to.set_header(name, value);
    }
  }
  to.set_content(from.body, type);
}

// Whether somebody answers at a Unix socket's path.
bool somebody_listens(const std::string& path) {
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  const bool connected = connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  close(fd);
  return connected;
}

Result<void> clear_stale_socket(const std::string& path) {
  struct stat info;
  if (lstat(path.c_str(), &info) != 0) return {};
  if (!S_ISSOCK(info.st_mode)) {
    return Error{"cannot listen at unix:" + path + ": a file of that name exists", "remove it or choose another path"};
  }
  if (somebody_listens(path)) {
    return Error{"cannot listen at unix:" + path + ": address in use", "choose another path"};
  }
  unlink(path.c_str());
  return {};
}

// cpp-httplib's Server sets SIGPIPE to be ignored for the whole process; that is the program's to decide. Its threads
// here block every signal, so a broken connection cannot raise one.
class KeepSigpipe {
 public:
  KeepSigpipe() { sigaction(SIGPIPE, nullptr, &before_); }
  KeepSigpipe(const KeepSigpipe&) = delete;
  KeepSigpipe& operator=(const KeepSigpipe&) = delete;
  ~KeepSigpipe() { sigaction(SIGPIPE, &before_, nullptr); }

 private:
  struct sigaction before_;
};

}  // namespace

struct Server::Impl {
  ListenAddress address;
  std::function<Response(const Request&)> handler;
  std::function<void()> on_thread_start;
  std::unique_ptr<httplib::Server> http;
  std::thread listener;
  pid_t owner = getpid();

  void set_up();
  Result<void> bind();
  void handle(const httplib::Request& raw, std::string body, httplib::Response& response) const {
    const Request request = request_of(raw, std::move(body));
    const std::optional<Response> refusal = refuse_stranger(request, address);
    answer(refusal ? *refusal : handler(request), response);
  }
};

void Server::Impl::set_up() {
  {
    const KeepSigpipe keep;
    http = std::make_unique<httplib::Server>();
  }
  // No SO_REUSEPORT, which cpp-httplib would set: two programs at one port must not share it silently.
  http->set_socket_options([](int fd) {
    const int yes = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
  });
  http->set_read_timeout(kTimeoutSeconds);
  http->set_write_timeout(kTimeoutSeconds);
  http->set_keep_alive_max_count(100);
  http->set_keep_alive_timeout(1);
  http->set_payload_max_length(kMaxBody);
  http->new_task_queue = [this] { return new Workers(kWorkers, on_thread_start); };
  // Everything without a body is answered here, before cpp-httplib matches the path with a regular expression, which
  // would recurse once per character.
  http->set_pre_routing_handler([this](const httplib::Request& raw, httplib::Response& response) {
    if (raw.path.size() > kMaxPath) {
      answer({414, {}, "the path is too long; the heap is at /debug/pprof/heap\n"}, response);
    } else if (raw.method == "POST") {
      return httplib::Server::HandlerResponse::Unhandled;
    } else {
      handle(raw, {}, response);
    }
    return httplib::Server::HandlerResponse::Handled;
  });
  // The body is read as it comes: as a form, cpp-httplib would cut it at 8 KiB.
  http->Post(".*", [this](const httplib::Request& raw, httplib::Response& response,
                          const httplib::ContentReader& read) {
    std::string body;
    read([&body](const char* data, std::size_t size) {
      body.append(data, size);
      return body.size() <= kMaxBody;
    });
    handle(raw, std::move(body), response);
  });
}

Result<void> Server::Impl::bind() {
  errno = 0;
  bool bound = false;
  if (!address.unix_path.empty()) {
    if (Result<void> cleared = clear_stale_socket(address.unix_path); !cleared) return cleared;
    http->set_address_family(AF_UNIX);
    bound = http->bind_to_port(address.unix_path, 1);
    if (bound) chmod(address.unix_path.c_str(), S_IRUSR | S_IWUSR);
  } else if (address.port == 0) {
    address.port = http->bind_to_any_port(address.host);
    bound = address.port > 0;
  } else {
    bound = http->bind_to_port(address.host, address.port);
  }
  if (bound) return {};
  const std::string where =
      address.unix_path.empty() ? address.host + ":" + std::to_string(address.port) : "unix:" + address.unix_path;
  const std::string why = errno == EADDRINUSE ? "address in use"
                          : errno != 0        ? std::generic_category().message(errno)
                                              : "the address is not to be had";
  return Error{"cannot listen at " + where + ": " + why,
               address.unix_path.empty() ? "choose another port, or port 0 for a free one" : "choose another path"};
}

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Result<std::unique_ptr<Server>> Server::start(ServerOptions options,
                                              std::function<Response(const Request&)> handler) {
  const Result<ListenAddress> address = parse_listen_address(options.listen);
  if (!address) return address.error();
  auto impl = std::make_unique<Impl>();
  impl->address = *address;
  impl->handler = std::move(handler);
  impl->on_thread_start = std::move(options.on_thread_start);
  try {
    impl->set_up();
    if (const Result<void> bound = impl->bind(); !bound) return bound.error();
    impl->listener = quiet_thread(impl->on_thread_start, [http = impl->http.get()] { http->listen_after_bind(); });
  } catch (const std::system_error& e) {
    return Error{std::string("cannot start the endpoint: ") + e.what(), "raise the limit of threads (ulimit -u)"};
  }
  while (!impl->http->is_running()) std::this_thread::yield();
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

Server::~Server() {
  if (impl_->owner != getpid()) {
    // The threads are the parent's, and so is the socket's name: the rest goes with this process.
    [[maybe_unused]] Impl* left = impl_.release();
    return;
  }
  impl_->http->stop();
  impl_->listener.join();
  if (!impl_->address.unix_path.empty()) unlink(impl_->address.unix_path.c_str());
}

std::string Server::address() const {
  const ListenAddress& a = impl_->address;
  if (!a.unix_path.empty()) return "unix:" + a.unix_path;
  const bool v6 = a.host.find(':') != std::string::npos;
  return "http://" + (v6 ? "[" + a.host + "]" : a.host) + ":" + std::to_string(a.port);
}

}  // namespace holdfast::serve
