#include "serve/worker.h"

#include <signal.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "serve/listen_address.h"

namespace holdfast::serve {
namespace {

// cpp-httplib's Server sets SIGPIPE to be ignored for the whole process, which is the program's to decide;
// nothing here raises it.
class KeepSigpipe {
 public:
  KeepSigpipe() { sigaction(SIGPIPE, nullptr, &before_); }
  KeepSigpipe(const KeepSigpipe&) = delete;
  KeepSigpipe& operator=(const KeepSigpipe&) = delete;
  ~KeepSigpipe() { sigaction(SIGPIPE, &before_, nullptr); }

 private:
  struct sigaction before_;
};

bool has_body(const httplib::Request& raw) {
  if (raw.has_header("Transfer-Encoding")) return true;
  const std::size_t lengths = raw.get_header_value_count("Content-Length");
  return lengths > 1 || (lengths == 1 && raw.get_header_value("Content-Length") != "0");
}

Request request_of(const httplib::Request& raw, std::string body) {
  Request request;
  request.method = raw.method;
  request.path = raw.path;
  for (const auto& [name, value] : raw.params) request.query.emplace(name, value);
  for (const auto& [name, value] : raw.headers) request.headers.emplace(lower(name), value);
  request.body = std::move(body);
  return request;
}

// Takes the body over: it may be megabytes.
void hand_over(Response from, httplib::Response& to) {
  to.status = from.status;
  std::string type = "text/plain; charset=utf-8";
  for (const auto& [name, value] : from.headers) {
    if (name == "Content-Type") {
      type = value;
    } else {
      to.set_header(name, value);
    }
  }
  // A heap profile is of one moment.
  to.set_header("Cache-Control", "no-store");
  to.set_header("Content-Type", type);
  to.body = std::move(from.body);
}

}  // namespace

Worker::Worker(const Desk& desk) : desk_(desk) {
  {
    const KeepSigpipe keep;
    http_.emplace();
  }
  http_->set_keep_alive_max_count(kMaxRequests);
  http_->set_keep_alive_timeout(kIdle.count());
  http_->set_payload_max_length(kMaxBody);
  // Answers all but a POST with a body before cpp-httplib looks for a route or reads on: where no length is
  // told there is no body (RFC 9112), but that library would wait for one until the client closes.
  http_->set_pre_routing_handler([this](const httplib::Request& raw, httplib::Response& to) {
    if (!refusal_ && raw.method == "POST" && has_body(raw))
      return httplib::Server::HandlerResponse::Unhandled;
    answer(raw, {}, to);
    return httplib::Server::HandlerResponse::Handled;
  });
  // With a reader the body comes as it is: as a form, cpp-httplib would refuse it beyond 8 KiB.
  http_->Post(".*", [this](const httplib::Request& raw, httplib::Response& to,
                           const httplib::ContentReader& read) { answer_post(raw, to, read); });
}

void Worker::serve(Connection& connection, int listen_fd, const std::function<bool()>& should_yield) {
  connection_ = &connection;
  must_close_ = false;
  for (int left = kMaxRequests; left > 0; --left) {
    // Between requests there is nothing to lose by closing at once.
    if (connection.await_request(kIdle, listen_fd, should_yield) != Connection::Next::request) return;
    connection.begin_request();
    refusal_.reset();
    bool closed = false;
    const bool answered = http_->process_request(connection, left == 1, closed,
                                                 [this](httplib::Request& raw) { examine(raw); });
    if (!answered || closed || must_close_) break;
  }
  connection.finish();
}

// Called when the headers are in and before anything else is read.
void Worker::examine(httplib::Request& raw) {
  // A profile is of one moment: parts of two answers would not fit together.
  raw.ranges.clear();
  refusal_ = refuse_unread(raw);
  if (has_body(raw) && (refusal_ || raw.method != "POST")) {
    must_close_ = true;
    raw.headers.erase("Connection");
    raw.headers.emplace("Connection", "close");
  }
}

// What must be decided before a body is read.
std::optional<Response> Worker::refuse_unread(const httplib::Request& raw) const {
  if (raw.path.size() > kMaxPath)
    return refuse(414, "the path is too long; the heap is at /debug/pprof/heap");
  // The pattern of POST matches all but line ends.
  if (std::ranges::any_of(raw.path, [](unsigned char c) { return c < ' '; })) {
    return refuse(400, "the path has control characters; the heap is at /debug/pprof/heap");
  }
  if (auto stranger = desk_.admit(request_of(raw, {}))) return stranger;
  if (!has_body(raw)) return std::nullopt;
  const std::string length = raw.get_header_value("Content-Length");
  if (raw.has_header("Transfer-Encoding") ? !length.empty()
                                          : raw.get_header_value_count("Content-Length") != 1) {
    return refuse(400, "the length of the body is told twice");
  }
  std::uint64_t bytes = 0;
  const auto [end, error] = std::from_chars(length.data(), length.data() + length.size(), bytes);
  if (!length.empty() && (error == std::errc::invalid_argument || end != length.data() + length.size())) {
    return refuse(400, "Content-Length is no number");
  }
  if (error == std::errc::result_out_of_range || bytes > kMaxBody)
    return refuse(413, "the body exceeds 1 MiB");
  // A compressed body may be a bomb, and cpp-httplib takes forms apart; no client of this endpoint sends
  // either.
  if (raw.has_header("Content-Encoding") || raw.is_multipart_form_data()) {
    return refuse(415, "send the body as it is");
  }
  return std::nullopt;
}

void Worker::answer_post(const httplib::Request& raw, httplib::Response& to,
                         const httplib::ContentReader& read) {
  std::string body;
  const bool complete = read([&body](const char* data, std::size_t size) {
    if (body.size() + size > kMaxBody) return false;
    body.append(data, size);
    return true;
  });
  if (!complete) {
    must_close_ = true;
    refusal_ = body.size() < kMaxBody / 2 ? refuse(400, "the body did not arrive whole")
                                          : refuse(413, "the body exceeds 1 MiB or did not arrive whole");
  }
  answer(raw, std::move(body), to);
}

void Worker::answer(const httplib::Request& raw, std::string body, httplib::Response& to) {
  if (refusal_) {
    hand_over(*refusal_, to);
    return;
  }
  Request request = request_of(raw, std::move(body));
  request.client_waits = [this] { return connection_->client_waits(); };
  hand_over(desk_.handler(request), to);
  // The time that a delta waited is not the client's fault.
  connection_->begin_response(to.body.size());
}

}  // namespace holdfast::serve
