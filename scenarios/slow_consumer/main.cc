// slow_consumer, a leak: subscribers connect over TCP (Boost.Asio), say their name and are sent each message
// that is published. One of them does not read; its queue of messages grows without bound. A label tells
// which.
#include <holdfast/labels.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <deque>
#include <memory>
#include <thread>

#include "scenarios/common/story.h"

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using holdfast::scenarios::Held;
using holdfast::scenarios::Settings;

Held held;  // all that is queued; of those that read, next to nothing

// Lives on the server's one thread, as long as its connection.
class Subscriber : public std::enable_shared_from_this<Subscriber> {
 public:
  explicit Subscriber(tcp::socket socket) : socket_(std::move(socket)) {
    // The kernel would queue megabytes more, out of our sight.
    socket_.set_option(asio::socket_base::send_buffer_size(64 * 1024));
  }

  // Reads the name, then says it is ready: from now on it is among `all`.
  void start() {
    auto self = shared_from_this();
    asio::async_read_until(socket_, asio::dynamic_buffer(name_), '\n',
                           [self](const error_code& error, std::size_t) {
                             if (error) return;
                             self->name_.pop_back();
                             all.push_back(self);
                             self->send("ready\n");
                           });
  }

  // The leaking site: nothing bounds the queue of a subscriber that does not read.
  [[gnu::noinline]] void send(const std::string& message) {
    const holdfast::Label client("client", name_);
    queue_.push_back(std::make_unique<std::string>(message));
    held.add(message.size() + 1);
    if (queue_.size() == 1) write();
  }

  static std::vector<std::shared_ptr<Subscriber>> all;

 private:
  void write() {
    auto self = shared_from_this();
    asio::async_write(socket_, asio::buffer(*queue_.front()), [self](const error_code& error, std::size_t) {
      held.remove(self->queue_.front()->size() + 1);
      self->queue_.pop_front();
      if (error) {
        std::erase(all, self);
      } else if (!self->queue_.empty()) {
        self->write();
      }
    });
  }

  tcp::socket socket_;
  std::string name_;
  std::deque<std::unique_ptr<std::string>> queue_;
};

asio::io_context context;
std::vector<std::shared_ptr<Subscriber>> Subscriber::all;
tcp::acceptor acceptor(context);
std::thread runner;

void accept_next() {
  acceptor.async_accept([](const error_code& error, tcp::socket socket) {
    if (!error) std::make_shared<Subscriber>(std::move(socket))->start();
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
  server.Post("/messages", [](const httplib::Request& request, httplib::Response& response) {
    asio::post(context, [message = request.body + "\n"] {
      for (const auto& subscriber : Subscriber::all) subscriber->send(message);
    });
    response.status = 202;
  });
}

void stop_service() {
  context.stop();
  runner.join();
  Subscriber::all.clear();
}

}  // namespace

int main(int argc, char** argv) {
  return holdfast::scenarios::run(argc, argv,
                                  {.about = "A subscriber that does not read; its queue grows: a leak.",
                                   .open = start_service,
                                   .truth = [] { return held.truth(); },
                                   .close = stop_service});
}
