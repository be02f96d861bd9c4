// A port scanner, slow readers and garbage at the endpoint of a busy service: its own traffic goes on, and
// what the endpoint holds does not grow.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <httplib.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "profile/pprof.h"
#include "scenarios/scenario_server.h"
#include "serve/raw_client.h"

namespace holdfast {
namespace {

using testing::RawClient;

// Asks the service for something all the time, and counts.
class Customers {
 public:
  explicit Customers(const std::string& app) : client_(app), thread_([this] { run(); }) {}
  ~Customers() { stop(); }
  void stop() {
    done_ = true;
    if (thread_.joinable()) thread_.join();
  }
  int served() const { return served_; }
  int failed() const { return failed_; }

 private:
  void run() {
    client_.set_keep_alive(true);
    while (!done_) {
      const auto answer = client_.Get("/truth");
      ++(answer && answer->status == 200 ? served_ : failed_);
    }
  }
  httplib::Client client_;
  std::atomic<bool> done_{false};
  std::atomic<int> served_{0};
  std::atomic<int> failed_{0};
  std::thread thread_;
};

class Hostile : public ::testing::Test {
 protected:
  Hostile() {
    EXPECT_TRUE(server_.serves());
    const std::string heap = server_.heap();
    heap_address_ = heap.substr(0, heap.find("/debug"));
    heap_port_ = std::stoi(heap_address_.substr(heap_address_.rfind(':') + 1));
  }

  long count(const char* what) const {
    const std::filesystem::path folder = "/proc/" + std::to_string(server_.id()) + "/" + what;
    return std::distance(std::filesystem::directory_iterator(folder), std::filesystem::directory_iterator());
  }

  // A request whose answer is megabytes: many addresses that have names.
  std::string long_question() {
    httplib::Client client(heap_address_);
    const auto heap = client.Get("/debug/pprof/heap");
    EXPECT_TRUE(heap);
    const auto profile = profile::decode_pprof(heap->body);
    EXPECT_TRUE(profile);
    std::string body;
    char word[32];
    std::snprintf(word, sizeof word, "0x%llx+",
                  static_cast<unsigned long long>(profile->locations.at(0).address));
    while (body.size() < 900'000) body += word;
    return "POST /pprof/symbol HTTP/1.1\r\nHost: localhost\r\nContent-Length: " +
           std::to_string(body.size()) + "\r\n\r\n" + body;
  }

  // Connections that send nothing, or half a request, and are left open.
  std::vector<std::unique_ptr<RawClient>> scan() {
    std::vector<std::unique_ptr<RawClient>> open;
    for (int i = 0; i < 12; ++i) open.push_back(std::make_unique<RawClient>(heap_port_));
    for (int i = 0; i < 2; ++i) {
      open.push_back(std::make_unique<RawClient>(heap_port_));
      open.back()->send("GET /debug/pprof/he");
    }
    return open;
  }

  // Readers who ask for megabytes and take a byte.
  std::vector<std::unique_ptr<RawClient>> read_slowly(const std::string& question) {
    std::vector<std::unique_ptr<RawClient>> open;
    for (int i = 0; i < 4; ++i) {
      open.push_back(std::make_unique<RawClient>(heap_port_));
      open.back()->send(question);
    }
    return open;
  }

  int send_garbage(int requests) {
    const std::string sound =
        "POST /pprof/symbol HTTP/1.1\r\nHost: localhost\r\nContent-Length: 8\r\n\r\n0x401234";
    int sent = 0;
    for (int i = 0; i < requests; ++i) {
      RawClient client(heap_port_);
      std::string bytes = sound;
      switch (i % 5) {
        case 0:
          bytes = std::string(100 + random_() % 4000, static_cast<char>(random_()));
          break;
        case 1:
          bytes = "GET /" + std::string(random_() % 9000, 'a') + " HTTP/1.1\r\nHost: localhost\r\n\r\n";
          break;
        case 2:
          for (int flips = 0; flips < 4; ++flips)
            bytes[random_() % bytes.size()] = static_cast<char>(random_());
          break;
        case 3:
          bytes =
              "GET / HTTP/1.1\r\nHost: evil.example\r\n" + std::string(random_() % 5000, 'h') + ": x\r\n\r\n";
          break;
        default:
          bytes.resize(random_() % bytes.size());
      }
      sent += client.connected();
      client.send(bytes);
      client.end_sending();
      client.read_all();
    }
    return sent;
  }

  void attack(int garbage, const std::string& question) {
    const auto scanners = scan();
    { const auto readers = read_slowly(question); }
    const auto slow = read_slowly(question);
    EXPECT_EQ(send_garbage(garbage), garbage);
  }

  testing::ScenarioServer server_{"scenario_lru_full", {}};
  std::string heap_address_;
  int heap_port_ = 0;
  std::mt19937 random_{7};
};

TEST_F(Hostile, StrangersDisturbNeitherTheServiceNorItsMemory) {
  const std::string question = long_question();
  attack(1000, question);  // what the endpoint allocates once, it has allocated
  const long threads = count("task");
  const long descriptors = count("fd");
  const std::uint64_t resident = server_.resident_bytes();
  {
    Customers customers(server_.app());
    attack(10'000, question);
    customers.stop();
    EXPECT_EQ(customers.failed(), 0);
    EXPECT_GT(customers.served(), 1000);
  }
  EXPECT_EQ(count("task"), threads);
  // Connections leave as soon as a worker has looked at them.
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (count("fd") > descriptors && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  EXPECT_LE(count("fd"), descriptors);
  EXPECT_LT(server_.resident_bytes(), resident + (4 << 20));
  httplib::Client client(heap_address_);
  const auto heap = client.Get("/debug/pprof/heap");
  ASSERT_TRUE(heap);
  EXPECT_EQ(heap->status, 200);
  RecordProperty("resident_before_kib", static_cast<int>(resident >> 10));
  RecordProperty("resident_after_kib", static_cast<int>(server_.resident_bytes() >> 10));
  EXPECT_EQ(server_.stop(), 0);
}

}  // namespace
}  // namespace holdfast
