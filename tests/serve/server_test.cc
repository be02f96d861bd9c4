#include "serve/server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <httplib.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <future>
#include <random>
#include <thread>

#include "canned_sources.h"
#include "raw_client.h"
#include "support/temporary.h"

namespace holdfast::serve {
namespace {

using holdfast::testing::RawClient;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using namespace std::chrono_literals;

class ServerTest : public ::testing::Test {
 protected:
  ServerTest() {
    start([this](const Request& r) { return routes_.handle(r); });
  }

  void start(std::function<Response(const Request&)> handler) {
    server_.reset();
    auto started = Server::start({"127.0.0.1:0", [this] { ++threads_started_; }}, std::move(handler));
    ASSERT_TRUE(started) << started.error().what;
    server_ = std::move(started).value();
    port_ = std::stoi(server_->address().substr(server_->address().rfind(':') + 1));
  }
  std::string host() const { return "Host: 127.0.0.1:" + std::to_string(port_) + "\r\n"; }
  std::string exchange(const std::string& bytes) {
    RawClient client(port_);
    client.send(bytes);
    client.end_sending();
    return client.read_all();
  }
  bool answers() {
    return exchange("GET /debug/pprof/cmdline HTTP/1.1\r\n" + host() + "\r\n").starts_with("HTTP/1.1 200");
  }

  Routes routes_{holdfast::testing::canned_sources()};
  std::atomic<int> threads_started_{0};
  std::unique_ptr<Server> server_;
  int port_ = 0;
};

TEST_F(ServerTest, AnswersARealClientOnOneConnection) {
  EXPECT_THAT(server_->address(), StartsWith("http://127.0.0.1:"));
  httplib::Client client("127.0.0.1", port_);
  client.set_keep_alive(true);
  for (int i = 0; i < 3; ++i) {
    const auto result = client.Get("/debug/pprof/heap");
    ASSERT_TRUE(result) << httplib::to_string(result.error());
    EXPECT_EQ(result->status, 200);
    EXPECT_EQ(result->get_header_value("Content-Type"), "application/octet-stream");
    EXPECT_EQ(result->get_header_value("Cache-Control"), "no-store");
    EXPECT_EQ(result->body.substr(0, 2), "\x1f\x8b");
  }
  const auto head = client.Head("/debug/pprof/heap");
  ASSERT_TRUE(head);
  EXPECT_EQ(head->status, 200);
  EXPECT_TRUE(head->body.empty());
  EXPECT_GT(std::stoi(head->get_header_value("Content-Length")), 100);
  EXPECT_EQ(threads_started_, Server::kWorkers);
}

TEST_F(ServerTest, ReadsPostedAddressesLongerThanAForm) {
  std::string body;
  for (int i = 0; i < 10'000; ++i) body += "0x0000000000000001+";
  body += "0x401234";
  httplib::Client client("127.0.0.1", port_);
  for (const char* type : {"application/x-www-form-urlencoded", "text/plain"}) {
    const auto result = client.Post("/pprof/symbol", body, type);
    ASSERT_TRUE(result) << type;
    EXPECT_EQ(result->status, 200) << type;
    EXPECT_EQ(result->body, "0x401234 shop::leaking_function(int)\n") << type;
  }
}

TEST_F(ServerTest, ReadsAPostedBodyInChunks) {
  EXPECT_THAT(exchange("POST /pprof/symbol HTTP/1.1\r\n" + host() +
                       "Transfer-Encoding: chunked\r\n\r\n8\r\n0x401234\r\n0\r\n\r\n"),
              HasSubstr("0x401234 shop::leaking_function(int)"));
}

TEST_F(ServerTest, TakesAPostWithoutALengthForAnEmptyOneAtOnce) {
  RawClient client(port_);  // stays open: a server that waited for a body would give up with a 400
  client.send("POST /pprof/symbol HTTP/1.1\r\n" + host() + "\r\n");
  EXPECT_THAT(client.read_until("\r\n\r\n"), StartsWith("HTTP/1.1 200"));
  client.send("GET /debug/pprof/cmdline HTTP/1.1\r\n" + host() + "\r\n");
  EXPECT_THAT(client.read_until("80"), HasSubstr("HTTP/1.1 200"));
}

TEST_F(ServerTest, RefusesStrangersBeforeTheHandlerHearsOfThem) {
  std::atomic<int> handled{0};
  start([&](const Request&) {
    ++handled;
    return Response{};
  });
  EXPECT_THAT(exchange("GET /debug/pprof/heap HTTP/1.1\r\nHost: evil.example\r\n\r\n"),
              StartsWith("HTTP/1.1 403"));
  EXPECT_THAT(exchange("GET /debug/pprof/heap HTTP/1.1\r\n" + host() + "Sec-Fetch-Site: cross-site\r\n\r\n"),
              StartsWith("HTTP/1.1 403"));
  EXPECT_THAT(exchange("POST /pprof/symbol HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 3\r\n\r\n0x1"),
              StartsWith("HTTP/1.1 403"));
  EXPECT_EQ(handled, 0);
}

TEST_F(ServerTest, RefusesBodiesThatAreTooLongCompressedOrUnclear) {
  const std::string post = "POST /pprof/symbol HTTP/1.1\r\n" + host();
  const struct {
    std::string headers;
    std::string body;
    const char* status;
  } cases[] = {
      {"Content-Length: 1048577\r\n\r\n", std::string(1048577, '1'), "413"},
      {"Content-Length: 99999999999999999999\r\n\r\n", "x", "413"},
      {"Content-Length: many\r\n\r\n", "x", "400"},
      {"Content-Length: -1\r\n\r\n", "x", "400"},
      {"Content-Length: 1\r\nContent-Length: 2\r\n\r\n", "xx", "400"},
      {"Content-Length: 0\r\nContent-Length: 2\r\n\r\n", "xx", "400"},
      {"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\nx\r\n0\r\n\r\n", "400"},
      {"Content-Length: 3\r\nContent-Encoding: gzip\r\n\r\n", "abc", "415"},
      {"Content-Length: 3\r\nContent-Type: multipart/form-data; boundary=b\r\n\r\n", "abc", "415"},
      {"Content-Length: 10\r\n\r\n", "short", "400"},
      {"Transfer-Encoding: chunked\r\n\r\n", "zz\r\n", "400"},
  };
  for (const auto& c : cases) {
    EXPECT_THAT(exchange(post + c.headers + c.body), StartsWith(std::string("HTTP/1.1 ") + c.status))
        << c.headers;
  }
  std::string endless = post + "Transfer-Encoding: chunked\r\n\r\n";
  for (int i = 0; i < 40; ++i) endless += "8000\r\n" + std::string(0x8000, '1') + "\r\n";
  EXPECT_THAT(exchange(endless), StartsWith("HTTP/1.1 413"));
  EXPECT_TRUE(answers());
}

TEST_F(ServerTest, DoesNotTakeTheBodyOfAGetForTheNextRequest) {
  const std::string smuggled = "GET /debug/pprof/cmdline HTTP/1.1\r\n" + host() + "\r\n";
  const std::string answer =
      exchange("GET /nowhere HTTP/1.1\r\n" + host() + "Content-Length: " + std::to_string(smuggled.size()) +
               "\r\n\r\n" + smuggled);
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 404"));
  EXPECT_THAT(answer, HasSubstr("Connection: close"));
  EXPECT_EQ(answer.find("HTTP/1.1 200"), std::string::npos);
}

TEST_F(ServerTest, AnswersTheWholeProfileWhateverRangeIsAskedFor) {
  const std::string whole = exchange("GET /pprof/heap HTTP/1.1\r\n" + host() + "\r\n");
  const std::string part = exchange("GET /pprof/heap HTTP/1.1\r\n" + host() + "Range: bytes=0-3\r\n\r\n");
  EXPECT_THAT(part, StartsWith("HTTP/1.1 200"));
  EXPECT_EQ(part.size(), whole.size());
}

TEST_F(ServerTest, SurvivesGarbage) {
  std::string ranges = "Range: bytes=0-1";
  while (ranges.size() < 8000) ranges += ",0-1";
  const std::string broken[] = {
      "",
      "\r\n\r\n",
      "\n",
      "GET\r\n\r\n",
      "GET / \r\n\r\n",
      "GET / HTTP/9.9\r\n\r\n",
      "get / HTTP/1.1\r\n\r\n",
      "GET nowhere HTTP/1.1\r\n" + host() + "\r\n",
      "GET http://127.0.0.1/debug/pprof/ HTTP/1.1\r\n" + host() + "\r\n",
      "POST /\npath HTTP/1.1\r\n" + host() + "\r\n",
      "POST /%0a HTTP/1.1\r\n" + host() + "Content-Length: 1\r\n\r\nx",
      "GET /%zz%1%u00ff%?%&=&&==%00 HTTP/1.1\r\n" + host() + "\r\n",
      "GET /" + std::string(300, 'a') + " HTTP/1.1\r\n" + host() + "\r\n",
      "POST /" + std::string(8000, '(') + " HTTP/1.1\r\n" + host() + "Content-Length: 1\r\n\r\nx",
      "GET /" + std::string(100'000, 'a') + " HTTP/1.1\r\n" + host() + "\r\n",
      "GET /debug/pprof/symbol?" + std::string(7000, '&') + " HTTP/1.1\r\n" + host() + "\r\n",
      "GET / HTTP/1.1\r\n" + host() + std::string(100'000, 'h') + ": x\r\n\r\n",
      "GET / HTTP/1.1\r\n" + host() + ranges + "\r\n\r\n",
      "GET / HTTP/1.1\r\n" + host() + "no colon\r\n: empty\r\n\r\n",
      std::string(5000, '\0'),
      std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11),  // a TLS greeting
      "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
  };
  for (const std::string& bytes : broken) exchange(bytes);
  std::mt19937 random(11);
  const std::string sound = "POST /pprof/symbol HTTP/1.1\r\n" + host() + "Content-Length: 8\r\n\r\n0x401234";
  for (int i = 0; i < 200; ++i) {
    std::string flipped = sound;
    for (int flips = 0; flips < 3; ++flips) flipped[random() % flipped.size()] = static_cast<char>(random());
    exchange(flipped);
  }
  EXPECT_TRUE(answers());
}

TEST_F(ServerTest, EndsAClientThatSendsHeadersForEver) {
  RawClient client(port_);
  client.send("GET / HTTP/1.1\r\n");
  const std::string header = "X-Filler: " + std::string(4000, 'x') + "\r\n";
  std::size_t sent = 0;
  while (sent < (std::size_t{64} << 20) && client.send(header)) sent += header.size();
  EXPECT_LT(sent, std::size_t{64} << 20);
  EXPECT_TRUE(answers());
}

TEST_F(ServerTest, ServesOthersWhileIdleClientsKeepTheirConnections) {
  std::vector<std::unique_ptr<RawClient>> idle;
  for (int i = 0; i < 8; ++i) idle.push_back(std::make_unique<RawClient>(port_));
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_TRUE(answers());
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 4s);  // before the first idle one times out
}

TEST_F(ServerTest, EndsAtOnceAlthoughClientsAreIdleOrHalfWay) {
  RawClient idle(port_);
  idle.send("GET /debug/pprof/cmdline HTTP/1.1\r\n" + host() + "\r\n");
  EXPECT_THAT(idle.read_until("80"), StartsWith("HTTP/1.1 200"));
  RawClient half(port_);
  half.send("GET /debug/pprof/cm");
  const auto begin = std::chrono::steady_clock::now();
  server_.reset();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 3s);
  EXPECT_FALSE(RawClient(port_).connected());
}

TEST_F(ServerTest, ServesTwoAtATime) {
  std::promise<void> entered;
  std::promise<void> leave;
  start([&](const Request& r) {
    if (r.path == "/slow") {
      entered.set_value();
      leave.get_future().wait();
    }
    return Response{200, {}, "done"};
  });
  std::string slow;
  std::thread client([&] { slow = exchange("GET /slow HTTP/1.1\r\n" + host() + "\r\n"); });
  entered.get_future().wait();
  EXPECT_THAT(exchange("GET /quick HTTP/1.1\r\n" + host() + "\r\n"), HasSubstr("done"));
  leave.set_value();
  client.join();
  EXPECT_THAT(slow, HasSubstr("done"));
}

TEST_F(ServerTest, TellsItsHandlerWhenTheClientHasGone) {
  std::promise<bool> waits;
  std::promise<void> gone;
  start([&](const Request& r) {
    waits.set_value(r.client_waits());
    while (r.client_waits()) std::this_thread::yield();
    gone.set_value();
    return Response{};
  });
  auto client = std::make_unique<RawClient>(port_);
  client->send("GET / HTTP/1.1\r\n" + host() + "\r\n");
  EXPECT_TRUE(waits.get_future().get());
  client.reset();
  EXPECT_EQ(gone.get_future().wait_for(20s), std::future_status::ready);
}

TEST_F(ServerTest, LeavesTheProgramsSignalsAlone) {
  struct sigaction before = {};
  struct sigaction chosen = {};
  chosen.sa_handler = SIG_DFL;
  ASSERT_EQ(sigaction(SIGPIPE, &chosen, &before), 0);
  sigset_t mask_before, mask_after, on_worker;
  pthread_sigmask(SIG_SETMASK, nullptr, &mask_before);
  std::string name;
  start([&](const Request&) {
    char buffer[32] = {};
    pthread_getname_np(pthread_self(), buffer, sizeof buffer);
    name = buffer;
    pthread_sigmask(SIG_SETMASK, nullptr, &on_worker);
    return Response{200, {}, std::string(8 << 20, 'x')};
  });
  for (int i = 0; i < 3; ++i) {
    RawClient client(port_);
    client.send("GET / HTTP/1.1\r\n" + host() + "\r\n");
    client.read_until("HTTP/1.1");  // and away, in the middle of the body
  }
  server_.reset();
  struct sigaction after = {};
  sigaction(SIGPIPE, &before, &after);
  EXPECT_EQ(after.sa_handler, SIG_DFL);
  pthread_sigmask(SIG_SETMASK, nullptr, &mask_after);
  EXPECT_EQ(name, "holdfast-serve");
  for (const int signal : {SIGTERM, SIGINT, SIGPIPE, SIGALRM, SIGPROF, SIGUSR1}) {
    EXPECT_EQ(sigismember(&on_worker, signal), 1) << signal;
    EXPECT_EQ(sigismember(&mask_after, signal), sigismember(&mask_before, signal)) << signal;
  }
  EXPECT_EQ(sigismember(&on_worker, SIGSEGV), 0);
}

TEST_F(ServerTest, WorksInAProgramWithThousandsOfOpenFiles) {
  rlimit limit = {};
  getrlimit(RLIMIT_NOFILE, &limit);
  const rlim_t before = limit.rlim_cur;
  limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, 4096);
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur < 2000)
    GTEST_SKIP() << "too few descriptors allowed";
  std::vector<int> open;
  for (int i = 0; i < 1500; ++i) open.push_back(::dup(0));
  EXPECT_TRUE(answers());  // select() knows descriptors below 1024 only
  for (const int fd : open) ::close(fd);
  limit.rlim_cur = before;
  setrlimit(RLIMIT_NOFILE, &limit);
}

TEST_F(ServerTest, LetsAForkedChildGoWithoutItsSockets) {
  RawClient waiting(port_);
  waiting.send("GET /debug/pprof/cmdline HTTP/1.1\r\n" + host());  // in the middle of a request
  int release[2];
  int ready[2];
  ASSERT_EQ(::pipe(release), 0);
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    ::alarm(30);
    ::close(release[1]);
    server_.reset();  // must neither hang nor disturb the parent
    char byte = 0;
    const ssize_t told = ::write(ready[1], &byte, 1);
    const ssize_t ended = ::read(release[0], &byte, 1);  // lives on until the parent has looked
    ::_exit(told == 1 && ended == 0 ? 0 : 1);
  }
  ::close(release[0]);
  // fork() may return here before it returns, and lets go of the sockets, in the child.
  char byte = 0;
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  ::close(ready[0]);
  ::close(ready[1]);
  EXPECT_TRUE(answers());
  server_.reset();
  // The port is free although the child still runs.
  EXPECT_TRUE(
      Server::start({"127.0.0.1:" + std::to_string(port_), {}}, [](const Request&) { return Response{}; }));
  EXPECT_FALSE(RawClient(port_).connected());
  ::close(release[1]);
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST(ServerAddresses, BusyOrForeignOnesComeBackAsErrors) {
  const auto handler = [](const Request&) { return Response{}; };
  const auto first = Server::start({"127.0.0.1:0", {}}, handler);
  ASSERT_TRUE(first);
  const auto second = Server::start({(*first)->address().substr(7), {}}, handler);
  ASSERT_FALSE(second);
  EXPECT_THAT(second.error().what, HasSubstr("address in use"));
  EXPECT_FALSE(Server::start({"0.0.0.0:0", {}}, handler));
  EXPECT_FALSE(Server::start({"", {}}, handler));
}

TEST(ServerAddresses, OfIpv6AreWrittenWithBrackets) {
  const auto server = Server::start({"[::1]:0", {}}, [](const Request&) { return Response{200, {}, "six"}; });
  if (!server) GTEST_SKIP() << server.error().what;
  EXPECT_THAT((*server)->address(), StartsWith("http://[::1]:"));
  httplib::Client client("::1", std::stoi((*server)->address().substr(13)));
  const auto result = client.Get("/", {{"Host", "[::1]"}});
  ASSERT_TRUE(result);
  EXPECT_EQ(result->body, "six");
}

TEST(ServerAddresses, OfUnixSocketsVanishAtTheEnd) {
  const holdfast::testing::TemporaryDirectory directory;
  {
    const auto server =
        Server::start({"unix:" + directory.file("heap.sock"), {}}, [](const Request&) { return Response{}; });
    ASSERT_TRUE(server) << server.error().what;
    EXPECT_EQ((*server)->address(), "unix:" + directory.file("heap.sock"));
    EXPECT_EQ(directory.entries(), 1);
  }
  EXPECT_EQ(directory.entries(), 0);
}

}  // namespace
}  // namespace holdfast::serve
