#include "scenarios/common/socket_visitors.h"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <mutex>

#include "scenarios/common/http_visitor.h"

namespace holdfast::scenarios {
namespace {

using boost::asio::ip::tcp;
using Lines = tcp::iostream;

// The port the story's own server listens on; 0 when it does not say.
unsigned short feed_port(httplib::Client& client) {
  const auto told = client.Get("/feed");
  return told && told->status == 200 ? static_cast<unsigned short>(std::stoul(told->body)) : 0;
}

Lines dial(unsigned short port) {
  return Lines(tcp::endpoint(boost::asio::ip::address_v4::loopback(), port));
}

class FeedVisitor : public Visitor {
 public:
  explicit FeedVisitor(unsigned short port) : port_(port) {}

  std::string send(std::uint64_t) override {
    Lines connection = dial(port_);
    connection << "price?\n" << std::flush;
    std::string answer;
    return std::getline(connection, answer) ? std::string() : "price?: " + connection.error().message();
  }

 private:
  unsigned short port_;
};

// A connection that says its name and has read that it is subscribed.
std::unique_ptr<Lines> subscribe(unsigned short port, const std::string& name) {
  auto connection = std::make_unique<Lines>(dial(port));
  *connection << name << '\n' << std::flush;
  std::string ready;
  return std::getline(*connection, ready) && ready == "ready" ? std::move(connection) : nullptr;
}

class PublishVisitor : public Visitor {
 public:
  PublishVisitor(std::unique_ptr<httplib::Client> client, std::unique_ptr<Lines> subscriber)
      : client_(std::move(client)), subscriber_(std::move(subscriber)) {}

  std::string send(std::uint64_t number) override {
    const std::string message = expand("<letters 8192>", number);
    std::string failure = wrong("POST /messages", client_->Post("/messages", message, "text/plain"), 202);
    // Others publish too: any message that arrives is one that was sent.
    std::string arrived;
    if (failure.empty() && !std::getline(*subscriber_, arrived)) failure = subscriber_->error().message();
    return failure;
  }

 private:
  std::unique_ptr<httplib::Client> client_;
  std::unique_ptr<Lines> subscriber_;
};

}  // namespace

std::unique_ptr<Visitor> visit_feed(const std::string& app) {
  const auto client = connect(app);
  const unsigned short port = client ? feed_port(*client) : 0;
  if (port == 0) return nullptr;
  return std::make_unique<FeedVisitor>(port);
}

std::unique_ptr<Visitor> visit_subscribed(const std::string& app) {
  static std::once_flag once;
  static std::unique_ptr<Lines> laggard;  // never read from again
  auto client = connect(app);
  const unsigned short port = client ? feed_port(*client) : 0;
  if (port == 0) return nullptr;
  std::call_once(once, [&] { laggard = subscribe(port, "laggard"); });
  auto subscriber = subscribe(port, "reader");
  if (!laggard || !subscriber) return nullptr;
  return std::make_unique<PublishVisitor>(std::move(client), std::move(subscriber));
}

}  // namespace holdfast::scenarios
