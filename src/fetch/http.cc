#include "fetch/http.h"

#include <httplib.h>

#include <charconv>
#include <chrono>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "base/units.h"
#include "fetch/connect.h"
#include "fetch/http_errors.h"
#include "fetch/sigpipe.h"

namespace holdfast::fetch {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kMaxRedirects = 5;
// Enough of an error's body to find its first line.
constexpr std::size_t kMaxErrorBodyBytes = 16 * 1024;
// A delta of `seconds=N` keeps the server silent; a day bounds the arithmetic.
constexpr std::chrono::seconds kMaxServerSilence{86'400};

// httplib's client over a connection of ours: it knows no Unix sockets, and keeps the reason of a failure to
// itself.
template <typename Client>
class ClientOver : public Client {
 public:
  template <typename... Args>
  explicit ClientOver(const Source& source, std::chrono::milliseconds timeout, Args&&... args)
      : Client(std::forward<Args>(args)...), source_(source), timeout_(timeout) {}

  std::optional<Error> connect_error;

 private:
  bool create_and_connect_socket(httplib::ClientImpl::Socket& socket, httplib::Error& error) override {
    auto connected = connect_to(source_, timeout_);
    if (!connected) {
      connect_error = connected.error();
      error = httplib::Error::Connection;
      return false;
    }
    socket.sock = *connected;
    return true;
  }

  Source source_;
  std::chrono::milliseconds timeout_;
};

// Collects the body under its limits.
struct Receiver {
  std::size_t max_bytes;
  Clock::time_point deadline;
  int status = 0;
  std::string body;
  bool is_too_large = false;
  bool is_too_slow = false;

  bool accept(const char* data, std::size_t size) {
    if (Clock::now() > deadline) is_too_slow = true;
    if (is_too_slow) return false;
    const std::size_t limit = status == 200 ? max_bytes : kMaxErrorBodyBytes;
    const std::size_t room = limit - body.size();
    is_too_large = size > room;
    body.append(data, std::min(size, room));
    return !is_too_large;
  }
};

std::chrono::seconds seconds_asked_for(const std::string& target) {
  const std::size_t query = target.find('?');
  if (query == std::string::npos) return {};
  for (std::size_t start = query; start != std::string::npos; start = target.find('&', start + 1)) {
    constexpr std::string_view kName = "seconds=";
    const std::string_view pair = std::string_view(target).substr(start + 1);
    if (!pair.starts_with(kName)) continue;
    std::int64_t seconds = 0;
    std::from_chars(pair.data() + kName.size(), pair.data() + pair.size(), seconds);
    if (seconds > 0) return std::min(std::chrono::seconds{seconds}, kMaxServerSilence);
  }
  return {};
}

// One request and its answer, or the redirect's target.
struct Answer {
  std::string body;
  std::string location;  // not empty: a redirect
};

long verify_result(const httplib::ClientImpl&) { return 0; }
long verify_result(const httplib::SSLClient& client) { return client.get_openssl_verify_result(); }

enum class Method { get, post };

template <typename Client>
Result<Answer> request(Client& client, const Source& source, const FetchOptions& options, Method method) {
  const auto silence = options.timeout + seconds_asked_for(source.target);
  client.set_connection_timeout(options.timeout);  // bounds the TLS handshake
  client.set_read_timeout(silence);
  client.set_write_timeout(options.timeout);
  client.set_url_encode(false);
  client.set_keep_alive(false);
  if (source.has_credentials) client.set_basic_auth(source.user, source.password);

  const auto start = Clock::now();
  Receiver receiver{options.max_bytes, start + 10 * silence, 0, {}, false, false};
  const SigpipeBlocked quiet;
  httplib::Request asked;
  asked.method = method == Method::get ? "GET" : "POST";
  asked.path = source.target;
  asked.response_handler = [&](const httplib::Response& response) {
    receiver.status = response.status;
    return true;
  };
  asked.content_receiver = [&](const char* data, std::size_t size, std::uint64_t, std::uint64_t) {
    return receiver.accept(data, size);
  };
  const auto result = client.send(asked);

  if (client.connect_error) return *client.connect_error;
  if (receiver.is_too_slow) return too_slow_error(source, Clock::now() - start);
  if (receiver.status == 200 && receiver.is_too_large) return too_large_error(source, options.max_bytes);
  // An error's body may be cut short by us, or by the server: its status says enough.
  if (receiver.status != 0 && receiver.status != 200 && !result) {
    return status_error(source, receiver.status, receiver.body);
  }
  if (!result) {
    const Failure failure{.error = result.error(),
                          .waited = Clock::now() - start,
                          .allowed_silence = silence,
                          .has_head = receiver.status != 0,
                          .body_bytes = receiver.body.size(),
                          .verify_result = verify_result(client)};
    return transport_error(source, failure);
  }
  const int status = result->status;
  if (status == 301 || status == 302 || status == 303 || status == 307 || status == 308) {
    return Answer{{}, result->get_header_value("Location")};
  }
  if (status != 200) return status_error(source, status, receiver.body);
  if (receiver.body.empty())
    return Error{source.shown() + " answered with nothing", "check the path of the URL"};
  if (result->get_header_value("Content-Type").starts_with("text/html")) return page_error(source);
  return Answer{std::move(receiver.body), {}};
}

Result<Answer> request_tls(const Source& source, const FetchOptions& options, Method method) {
  const std::string& key = options.key_file.empty() ? options.certificate_file : options.key_file;
  ClientOver<httplib::SSLClient> client(source, options.timeout, source.host, source.port,
                                        options.certificate_file, key);
  if (!client.is_valid()) {
    return Error{"cannot use the certificate " + options.certificate_file + " with the key " + key,
                 "both must be PEM files, and belong together"};
  }
  if (!options.ca_file.empty()) client.set_ca_cert_path(options.ca_file);
  return request(client, source, options, method);
}

Result<Answer> request_once(const Source& source, const FetchOptions& options, Method method) {
  if (source.kind == Source::Kind::https) return request_tls(source, options, method);
  const bool is_unix = source.kind == Source::Kind::unix_socket;
  ClientOver<httplib::ClientImpl> client(source, options.timeout, is_unix ? "localhost" : source.host,
                                         is_unix ? 80 : source.port);
  return request(client, source, options, method);
}

}  // namespace

Result<std::string> http_get(const Source& first, const FetchOptions& options) {
  Source source = first;
  for (int hop = 0; hop <= kMaxRedirects; ++hop) {
    auto answer = request_once(source, options, Method::get);
    if (!answer) return answer.error();
    if (answer->location.empty() && !answer->body.empty()) return std::move(answer->body);
    auto next = follow_redirect(source, answer->location);
    if (!next) return next.error();
    source = std::move(*next);
  }
  return Error{first.shown() + " redirects in circles", "name the final URL"};
}

Result<std::string> http_post(const Source& source, const FetchOptions& options) {
  auto answer = request_once(source, options, Method::post);
  if (!answer) return answer.error();
  if (answer->body.empty()) return Error{source.shown() + " redirects a POST", "name the final URL"};
  return std::move(answer->body);
}

}  // namespace holdfast::fetch
