// listener_list, a leak: a price feed over TCP, on Boost.Asio. Each connection adds a listener to the feed,
// with itself captured; a connection that closes never takes its listener out.
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "scenarios/common/story.h"

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using holdfast::scenarios::Held;
using holdfast::scenarios::Settings;

constexpr std::size_t kBufferBytes = 4 * 1024;

struct Feed {
  std::vector<std::function<void(int)>> listeners;  // the server's one thread only

  void subscribe(std::function<void(int)> listener) { listeners.push_back(std::move(listener)); }
};

asio::io_context context;  // outlives the sockets that the feed keeps
Feed price_feed;
Held held;

// Answers each line with the number of prices seen so far.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  explicit Connection(tcp::socket socket) : socket_(std::move(socket)) { line_.reserve(kBufferBytes); }

  void start() {
    price_feed.subscribe([self = shared_from_this()](int price) { self->last_price_ = price; });
    read();
  }

 private:
  void read() {
    auto self = shared_from_this();
    asio::async_read_until(socket_, asio::dynamic_buffer(line_), '\n',
                           [self](const boost::system::error_code& error, std::size_t) {
                             if (!error) self->answer();  // else it has closed: the listener stays, the leak
                           });
  }

  void answer() {
    line_ = std::to_string(last_price_) + "\n";
    auto self = shared_from_this();
    asio::async_write(socket_, asio::buffer(line_),
                      [self](const boost::system::error_code& error, std::size_t) {
                        self->line_.clear();
                        if (!error) self->read();
                      });
  }

  tcp::socket socket_;
  std::string line_;
  int last_price_ = 0;
};

// The leaking site.
[[gnu::noinline]] void accept_connection(tcp::socket socket) {
  std::make_shared<Connection>(std::move(socket))->start();
  held.add(kBufferBytes + 1);
}

tcp::acceptor acceptor(context);
std::thread runner;

void accept_next() {
  acceptor.async_accept([](const boost::system::error_code& error, tcp::socket socket) {
    if (!error) accept_connection(std::move(socket));
    accept_next();
  });
}

void start_service(const Settings&, httplib::Server& server) {
  acceptor = tcp::acceptor(context, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
  accept_next();
  runner = std::thread([] { context.run(); });
  server.Get("/feed",
             [port = acceptor.local_endpoint().port()](const httplib::Request&, httplib::Response& response) {
               response.set_content(std::to_string(port), "text/plain");
             });
}

void stop_service() {
  context.stop();
  runner.join();
}

}  // namespace

int main(int argc, char** argv) {
  return holdfast::scenarios::run(argc, argv,
                                  {.about = "A listener per connection, never removed: a leak.",
                                   .open = start_service,
                                   .truth = [] { return held.truth(); },
                                   .close = stop_service});
}
