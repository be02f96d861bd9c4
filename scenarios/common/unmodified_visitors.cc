#include "scenarios/common/unmodified_visitors.h"

#include <boost/asio/local/stream_protocol.hpp>
#include <functional>
#include <mutex>
#include <vector>

#include "scenarios/common/http_visitor.h"

namespace holdfast::scenarios {
namespace {

using Stream = boost::asio::local::stream_protocol::iostream;

std::unique_ptr<Stream> dial(const std::string& app) {
  const std::string path = app.starts_with("unix:") ? app.substr(5) : app;
  auto stream = std::make_unique<Stream>(boost::asio::local::stream_protocol::endpoint(path));
  return *stream ? std::move(stream) : nullptr;
}

void skip_end_of_line(std::string& line) {
  if (line.ends_with('\r')) line.pop_back();
}

using Command = std::vector<std::string>;

void write(Stream& redis, const Command& command) {
  redis << '*' << command.size() << "\r\n";
  for (const std::string& word : command) redis << '$' << word.size() << "\r\n" << word << "\r\n";
  redis << std::flush;
}

// Sends one command a request; each answer is one line.
class RedisVisitor : public Visitor {
 public:
  RedisVisitor(std::unique_ptr<Stream> redis, std::function<Command(std::uint64_t)> command,
               std::string answer)
      : redis_(std::move(redis)), command_(std::move(command)), answer_(std::move(answer)) {}

  std::string send(std::uint64_t number) override {
    const Command command = command_(number);
    write(*redis_, command);
    std::string answer;
    if (!std::getline(*redis_, answer)) return command[0] + ": " + redis_->error().message();
    skip_end_of_line(answer);
    return answer == answer_ ? std::string() : command[0] + ": " + answer;
  }

 private:
  std::unique_ptr<Stream> redis_;
  std::function<Command(std::uint64_t)> command_;
  std::string answer_;
};

std::unique_ptr<Visitor> visit_redis(const std::string& app, std::function<Command(std::uint64_t)> command,
                                     const std::string& answer) {
  auto redis = dial(app);
  if (!redis) return nullptr;
  return std::make_unique<RedisVisitor>(std::move(redis), std::move(command), answer);
}

// Has subscribed, of which it has read no more than the first line.
std::unique_ptr<Stream> subscribe(const std::string& app) {
  auto redis = dial(app);
  if (!redis) return nullptr;
  write(*redis, {"SUBSCRIBE", "news"});
  std::string line;
  return std::getline(*redis, line) && line.starts_with("*3") ? std::move(redis) : nullptr;
}

class NginxVisitor : public Visitor {
 public:
  explicit NginxVisitor(std::unique_ptr<Stream> nginx) : nginx_(std::move(nginx)) {}

  std::string send(std::uint64_t number) override {
    const bool is_there = number % 10 != 0;
    const std::string path = is_there ? "/index.html" : "/no-such-file-" + std::to_string(number);
    *nginx_ << "GET " << path << " HTTP/1.1\r\nHost: nginx\r\n\r\n" << std::flush;
    std::string status, line;
    std::getline(*nginx_, status);
    std::size_t length = 0;
    while (std::getline(*nginx_, line) && line != "\r") {
      if (line.starts_with("Content-Length: ")) length = std::stoul(line.substr(16));
    }
    std::string body(length, ' ');
    nginx_->read(body.data(), static_cast<std::streamsize>(length));
    const bool is_right =
        *nginx_ && status.starts_with(is_there ? "HTTP/1.1 200" : "HTTP/1.1 404") && length > 0;
    return is_right ? std::string() : "GET " + path + ": " + status;
  }

 private:
  std::unique_ptr<Stream> nginx_;
};

}  // namespace

std::unique_ptr<Visitor> visit_redis_channel(const std::string& app) {
  static std::once_flag once;
  static std::unique_ptr<Stream> laggard;  // never read from again
  std::call_once(once, [&] { laggard = subscribe(app); });
  if (!laggard) return nullptr;
  return visit_redis(
      app,
      [](std::uint64_t number) {
        return Command{"PUBLISH", "news", expand("<letters 8192>", number)};
      },
      ":1");
}

std::unique_ptr<Visitor> visit_redis_keys(const std::string& app) {
  return visit_redis(
      app,
      [](std::uint64_t number) {
        return Command{"SET", expand("order:<n>", number), expand("<letters 4096>", number)};
      },
      "+OK");
}

std::unique_ptr<Visitor> visit_redis_expiring(const std::string& app) {
  return visit_redis(
      app,
      [](std::uint64_t number) {
        return Command{"SET", expand("order:<n>", number), expand("<letters 4096>", number), "PX", "500"};
      },
      "+OK");
}

std::unique_ptr<Visitor> visit_nginx(const std::string& app) {
  auto nginx = dial(app);
  if (!nginx) return nullptr;
  return std::make_unique<NginxVisitor>(std::move(nginx));
}

}  // namespace holdfast::scenarios
