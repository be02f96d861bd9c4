#include "endpoint.h"

#include <unistd.h>

#include <chrono>
#include <utility>

#include "record/thread_state.h"
#include "serve/listen_address.h"

namespace holdfast {
namespace {

constexpr char kSwitchPath[] = "/debug/holdfast/endpoint";
constexpr std::size_t kMaxBody = std::size_t{1} << 20;

// For the life of an endpoint's thread.
void be_quiet() { static thread_local const record::QuietScope quiet; }

serve::Request request_of(const HttpRequest& from) {
  serve::Request request;
  request.method = from.method;
  const std::size_t mark = from.target.find('?');
  request.path = serve::decode_percent(from.target.substr(0, mark), false);
  if (mark != std::string::npos) request.query = serve::parse_query(from.target.substr(mark + 1));
  for (const auto& [name, value] : from.headers) request.headers.emplace(serve::lower(name), value);
  request.body = from.body;
  request.client_waits = from.client_waits;
  return request;
}

// The endpoint that handle() answers with, and how many calls are inside it.
class Current {
 public:
  // Never destroyed: a request may come while the program ends. A forked child gets one of its own, as the lock of
  // the parent's may be held by a thread that is not there.
  static Current& instance() {
    static std::atomic<Current*> current{new Current()};
    Current* now = current.load();
    if (now->owner_ == getpid()) return *now;
    auto fresh = std::make_unique<Current>();
    if (current.compare_exchange_strong(now, fresh.get())) return *fresh.release();
    return *now;
  }

  void set(Endpoint* endpoint) {
    const std::lock_guard lock(mutex_);
    endpoint_ = endpoint;
  }
  // Returns when nobody is inside any more.
  void clear(const Endpoint* endpoint) {
    std::unique_lock lock(mutex_);
    if (endpoint_ != endpoint) return;
    endpoint_ = nullptr;
    changed_.wait(lock, [this] { return users_ == 0; });
  }
  Endpoint* enter() {
    const std::lock_guard lock(mutex_);
    if (endpoint_ != nullptr) ++users_;
    return endpoint_;
  }
  void leave() {
    const std::lock_guard lock(mutex_);
    --users_;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  Endpoint* endpoint_ = nullptr;
  int users_ = 0;
  const pid_t owner_ = getpid();
};

HttpResponse unavailable(const std::string& why) {
  return {503, {{"Content-Type", "text/plain; charset=utf-8"}}, why + "\n"};
}

}  // namespace

Result<std::unique_ptr<Endpoint>> Endpoint::open(const Options& options, serve::Sources sources) {
  std::unique_ptr<Endpoint> endpoint(new Endpoint());
  Endpoint* self = endpoint.get();
  Result<std::unique_ptr<serve::Access>> access =
      serve::Access::open({.auth_file = options.auth_file, .allowed_hosts = options.allowed_hosts});
  if (!access) return access.error();
  self->access_ = std::move(access).value();
  sources.wait = [self](int seconds) { return self->wait(seconds); };
  sources.more.push_back(
      {.path = kSwitchPath, .about = {}, .is_post = true, .answer = [self](const serve::Request& r) {
         return self->switch_route(r);
       }});
  self->routes_ = std::make_unique<serve::Routes>(std::move(sources));
  Current::instance().set(self);
  if (options.listen.empty()) return endpoint;
  Result<std::unique_ptr<serve::Server>> started =
      serve::Server::start({.listen = options.listen,
                            .on_thread_start = be_quiet,
                            .tls = {options.tls_certificate, options.tls_key, options.tls_client_ca},
                            .access = self->access_},
                           [self](const serve::Request& request) { return self->answer(request); });
  if (!started) return started.error();
  self->server_ = std::move(started).value();
  return endpoint;
}

Endpoint::~Endpoint() {
  if (owner_ != getpid()) {
    server_.reset();  // lets go of what is the parent's
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  changed_.notify_all();
  Current::instance().clear(this);
  server_.reset();
}

std::string Endpoint::address() const { return server_ == nullptr ? std::string() : server_->address(); }

bool Endpoint::wait(int seconds) {
  std::unique_lock lock(mutex_);
  return !changed_.wait_for(lock, std::chrono::seconds(seconds), [this] { return closing_; });
}

serve::Response Endpoint::answer(const serve::Request& request) {
  if (!answering() && !(request.method == "POST" && request.path == kSwitchPath)) {
    return serve::refuse(
        503, std::string("the endpoint is switched off; POST ") + kSwitchPath + "?on=1 switches it on");
  }
  return routes_->handle(request);
}

serve::Response Endpoint::switch_route(const serve::Request& request) {
  const std::string on = serve::parameter_or_field(request, "on");
  if (on != "0" && on != "1") return serve::refuse(400, "say on=1 or on=0");
  set_answering(on == "1");
  return serve::json(on == "1" ? "{\"answering\":true}\n" : "{\"answering\":false}\n");
}

HttpResponse Endpoint::handle(const HttpRequest& from) {
  const serve::Request request = request_of(from);
  std::optional<serve::Response> response;
  if (from.body.size() > kMaxBody) response = serve::refuse(413, "the body exceeds 1 MiB");
  if (!response) response = access_->refuse(request, {.kind = serve::Door::Kind::host, .is_tls = false});
  if (!response) response = answer(request);
  response->headers.emplace_back("Cache-Control", "no-store");
  return {response->status, std::move(response->headers), std::move(response->body)};
}

HttpResponse Endpoint::handle_now(const HttpRequest& request) {
  struct Visit {
    Endpoint* endpoint = Current::instance().enter();
    ~Visit() {
      if (endpoint != nullptr) Current::instance().leave();
    }
  };
  const Visit visit;
  return visit.endpoint == nullptr ? unavailable("no Holdfast session is open")
                                   : visit.endpoint->handle(request);
}

HttpResponse handle(const HttpRequest& request) noexcept {
  const record::QuietScope quiet;
  try {
    return Endpoint::handle_now(request);
  } catch (...) {
    return {500, {}, {}};
  }
}

}  // namespace holdfast
