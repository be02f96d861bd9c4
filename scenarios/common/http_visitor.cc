#include "scenarios/common/http_visitor.h"

#include <numeric>
#include <random>

namespace holdfast::scenarios {
namespace {

using Random = std::minstd_rand;

Random random_of(std::uint64_t number) {
  return Random(static_cast<Random::result_type>(number * 2654435761u + 1));
}

std::uint64_t pick(Random& random, std::uint64_t below) {
  return std::uniform_int_distribution<std::uint64_t>(0, below - 1)(random);
}

std::string letters(Random& random, std::size_t count) {
  std::string text(count, ' ');
  for (char& c : text) c = static_cast<char>('a' + pick(random, 26));
  return text;
}

// What `<word>` stands for.
std::string value_of(const std::string& word, std::uint64_t number, Random& random) {
  if (word == "n") return std::to_string(number);
  const auto argument = [&](std::size_t at) { return std::stoull(word.substr(at)); };
  if (word.starts_with("n/")) return std::to_string(number / argument(2));
  if (word.starts_with("pick ")) return std::to_string(pick(random, argument(5)));
  if (word.starts_with("letters ")) return letters(random, argument(8));
  return "<" + word + ">";
}

std::string expand(const std::string& text, std::uint64_t number, Random& random) {
  std::string out;
  for (std::size_t at = 0;;) {
    const std::size_t open = text.find('<', at);
    const std::size_t close = open == std::string::npos ? open : text.find('>', open);
    out.append(text, at, (close == std::string::npos ? text.size() : open) - at);
    if (close == std::string::npos) return out;
    out += value_of(text.substr(open + 1, close - open - 1), number, random);
    at = close + 1;
  }
}

class HttpVisitor : public Visitor {
 public:
  HttpVisitor(std::unique_ptr<httplib::Client> client, std::vector<Request> requests)
      : client_(std::move(client)), requests_(std::move(requests)) {
    weights_ =
        std::accumulate(requests_.begin(), requests_.end(), std::uint64_t{0},
                        [](std::uint64_t sum, const Request& request) { return sum + request.weight; });
  }

  std::string send(std::uint64_t number) override {
    Random random = random_of(number);
    std::uint64_t chance = pick(random, weights_);
    auto kind = requests_.begin();
    while (chance >= kind->weight) chance -= (kind++)->weight;
    httplib::Request request;
    request.method = kind->method;
    request.path = expand(kind->path, number, random);
    request.body = expand(kind->body, number, random);
    if (!request.body.empty()) request.set_header("Content-Type", "text/plain");
    const std::string text = request.method + " " + request.path;
    const auto result = client_->send(request);
    return result && result->status == kind->or_status ? std::string() : wrong(text, result, kind->status);
  }

 private:
  std::unique_ptr<httplib::Client> client_;
  std::vector<Request> requests_;
  std::uint64_t weights_;
};

}  // namespace

std::string expand(const std::string& text, std::uint64_t number) {
  Random random = random_of(number);
  return expand(text, number, random);
}

std::unique_ptr<httplib::Client> connect(const std::string& app) {
  auto client = std::make_unique<httplib::Client>(app);
  client->set_keep_alive(true);
  client->set_tcp_nodelay(true);
  client->set_connection_timeout(5, 0);
  client->set_read_timeout(10, 0);
  return client->Get("/truth") ? std::move(client) : nullptr;
}

std::string wrong(const std::string& request, const httplib::Result& result, int status) {
  if (!result) return request + ": " + httplib::to_string(result.error());
  if (result->status != status) return request + ": status " + std::to_string(result->status);
  return {};
}

std::unique_ptr<Visitor> http_visitor(const std::string& app, std::vector<Request> requests) {
  auto client = connect(app);
  if (!client) return nullptr;
  return std::make_unique<HttpVisitor>(std::move(client), std::move(requests));
}

}  // namespace holdfast::scenarios
