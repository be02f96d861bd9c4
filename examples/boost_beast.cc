// The heap endpoint in a server on Boost.Beast: example_boost_beast [PORT], 0 picks a free one. A thread for
// each connection keeps the example short; holdfast::handle() may be called from any thread, also from those
// of a pool.
#include <holdfast/holdfast.h>
#include <holdfast/work.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using Tcp = asio::ip::tcp;
using Request = http::request<http::string_body>;
using Response = http::response<http::string_body>;

bool is_ours(const std::string& target) {
  return target.starts_with("/debug/pprof/") || target.starts_with("/debug/holdfast/") ||
         target.starts_with("/pprof/");
}

Response answer(const Request& from) {
  holdfast::HttpRequest request{.method = std::string(from.method_string()),
                                .target = std::string(from.target())};
  for (const auto& field : from) request.headers.emplace_back(field.name_string(), field.value());
  request.body = from.body();
  holdfast::HttpResponse response = holdfast::handle(request);
  Response to(static_cast<http::status>(response.status), from.version());
  for (const auto& [name, value] : response.headers) to.set(name, value);
  to.body() = std::move(response.body);
  return to;
}

Response greet(const Request& from) {
  const holdfast::WorkScope counted;
  Response to(http::status::ok, from.version());
  to.set(http::field::content_type, "text/plain");
  to.body() = "hello\n";
  return to;
}

void serve(beast::tcp_stream& stream) {
  beast::flat_buffer buffer;
  for (beast::error_code failed; !failed;) {
    http::request_parser<http::string_body> parser;
    parser.body_limit(1 << 20);
    http::read(stream, buffer, parser, failed);
    if (failed) return;
    const Request& request = parser.get();
    Response response = is_ours(std::string(request.target())) ? answer(request) : greet(request);
    response.keep_alive(request.keep_alive());
    response.prepare_payload();
    if (request.method() == http::verb::head) {
      http::response_serializer<http::string_body> head(response);
      http::write_header(stream, head, failed);
    } else {
      http::write(stream, response, failed);
    }
    if (!response.keep_alive()) return;
  }
}

// The connections, so that the end of the program can end them.
class Connections {
 public:
  void start(Tcp::socket socket) {
    auto stream = std::make_shared<beast::tcp_stream>(std::move(socket));
    const std::lock_guard lock(mutex_);
    // In order of age: those that are done leave from the front.
    threads_.emplace_back(stream, std::thread([stream] {
                            serve(*stream);
                            beast::error_code ignored;
                            stream->socket().shutdown(Tcp::socket::shutdown_send, ignored);
                          }));
  }
  void end() {
    for (auto& [stream, thread] : threads_) {
      beast::error_code ignored;
      stream->socket().shutdown(Tcp::socket::shutdown_both, ignored);
      thread.join();
    }
  }

 private:
  std::mutex mutex_;
  std::list<std::pair<std::shared_ptr<beast::tcp_stream>, std::thread>> threads_;
};

}  // namespace

int main(int argc, char** argv) {
  auto heap = holdfast::Session::open();
  if (!heap) std::fprintf(stderr, "%s; %s\n", heap.error().what.c_str(), heap.error().hint.c_str());

  asio::io_context context;
  const auto port = static_cast<unsigned short>(argc > 1 ? std::atoi(argv[1]) : 8080);
  Tcp::acceptor acceptor(context, {asio::ip::address_v4::loopback(), port});
  asio::signal_set ends(context, SIGTERM, SIGINT);
  ends.async_wait([&](const beast::error_code&, int) { acceptor.close(); });
  Connections connections;
  const auto accept = [&](const auto& again) -> void {
    acceptor.async_accept([&connections, again](const beast::error_code& failed, Tcp::socket socket) {
      if (failed) return;
      connections.start(std::move(socket));
      again(again);
    });
  };
  accept(accept);
  std::printf("http://127.0.0.1:%d\n", acceptor.local_endpoint().port());
  std::fflush(stdout);
  context.run();  // until a signal has closed the acceptor
  // The connections first, so that nobody asks a session that is closing; then the session, at the end of
  // main.
  connections.end();
  return 0;
}
