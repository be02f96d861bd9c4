// The programs people really use, against a running endpoint.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <array>
#include <cstdio>

#include "canned_sources.h"
#include "serve/server.h"
#include "support/temporary.h"

namespace holdfast::serve {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;

struct Outcome {
  int exit_code = -1;
  std::string output;  // both streams
};

Outcome run(const std::string& command) {
  Outcome outcome;
  FILE* pipe = ::popen((command + " 2>&1").c_str(), "r");
  if (!pipe) return outcome;
  std::array<char, 4096> chunk;
  for (std::size_t got; (got = std::fread(chunk.data(), 1, chunk.size(), pipe)) > 0;)
    outcome.output.append(chunk.data(), got);
  const int status = ::pclose(pipe);
  outcome.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return outcome;
}

class Clients : public ::testing::Test {
 protected:
  // Skips where the program is not installed.
  bool has(const std::string& program) { return run("command -v " + program).exit_code == 0; }
  std::string start(const std::string& listen) {
    auto started = Server::start({listen, {}}, [this](const Request& r) { return routes_.handle(r); });
    EXPECT_TRUE(started) << started.error().what;
    server_ = std::move(started).value();
    return server_->address();
  }
  // pprof keeps what it fetches; not in the home of whoever runs the tests.
  Outcome pprof(const std::string& arguments) {
    return run("HOME=" + directory_.path() + " PPROF_TMPDIR=" + directory_.path() +
               " GOFLAGS= go tool pprof " + arguments);
  }

  holdfast::testing::TemporaryDirectory directory_;
  Routes routes_{holdfast::testing::canned_sources()};
  std::unique_ptr<Server> server_;
};

TEST_F(Clients, GoToolPprofNamesTheLeakingFunction) {
  if (!has("go")) GTEST_SKIP() << "go is not installed";
  const std::string url = start("127.0.0.1:0");
  const Outcome top = pprof("-top -sample_index=inuse_space " + url + "/debug/pprof/heap");
  EXPECT_EQ(top.exit_code, 0) << top.output;
  EXPECT_THAT(top.output, ContainsRegex("64kB +99.24% .*shop::leaking_function"));
  const Outcome allocs = pprof("-top " + url + "/debug/pprof/allocs");
  EXPECT_THAT(allocs.output, HasSubstr("Type: alloc_space"));
  EXPECT_THAT(allocs.output, ContainsRegex("128kB .*shop::leaking_function"));
}

TEST_F(Clients, GoToolPprofPrintsWhyThereIsNoCpuProfile) {
  if (!has("go")) GTEST_SKIP() << "go is not installed";
  const std::string url = start("127.0.0.1:0");
  const Outcome bare = pprof("-top -seconds 1 " + url);
  EXPECT_NE(bare.exit_code, 0);
  EXPECT_THAT(bare.output, HasSubstr("there is no CPU profile here"));
}

TEST_F(Clients, GooglePprofReadsTheTextAndAsksForTheNames) {
  if (!has("google-pprof")) GTEST_SKIP() << "google-pprof is not installed";
  const std::string url = start("127.0.0.1:0");
  const Outcome text = run("HOME=" + directory_.path() + " PPROF_TMPDIR=" + directory_.path() +
                           " google-pprof --text --show_bytes " + url + "/pprof/heap");
  EXPECT_EQ(text.exit_code, 0) << text.output;
  EXPECT_THAT(text.output, ContainsRegex("65536 +99.2% .*shop::leaking_function"));
}

TEST_F(Clients, CurlReachesAUnixSocket) {
  if (!has("curl")) GTEST_SKIP() << "curl is not installed";
  start("unix:" + directory_.file("heap.sock"));
  const Outcome outcome = run("curl -sS -i --unix-socket " + directory_.file("heap.sock") +
                              " http://heap/debug/pprof/symbol?0x401234");
  EXPECT_EQ(outcome.exit_code, 0) << outcome.output;
  EXPECT_THAT(outcome.output, HasSubstr("200 OK"));
  EXPECT_THAT(outcome.output, HasSubstr("num_symbols: 1\n0x401234 shop::leaking_function(int)\n"));
}

TEST_F(Clients, CurlPostsAWholeMegabyte) {
  if (!has("curl")) GTEST_SKIP() << "curl is not installed";
  const std::string url = start("127.0.0.1:0");
  std::string addresses = "0x401234";
  while (addresses.size() < (1 << 20) - 5) addresses += "+0x0";
  holdfast::testing::write_text(directory_.file("addresses"), addresses);
  const Outcome outcome = run("curl -sS -d @" + directory_.file("addresses") + " " + url + "/pprof/symbol");
  EXPECT_EQ(outcome.output, "0x401234 shop::leaking_function(int)\n");
  holdfast::testing::write_text(directory_.file("addresses"), std::string(3 << 20, '0'));
  const Outcome refused = run("curl -sS -o /dev/null -w '%{http_code}' -d @" + directory_.file("addresses") +
                              " " + url + "/pprof/symbol");
  EXPECT_EQ(refused.output, "413");
}

}  // namespace
}  // namespace holdfast::serve
