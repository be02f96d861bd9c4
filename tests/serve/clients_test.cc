// The programs people really use, against a running endpoint.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <mutex>
#include <set>

#include "canned_sources.h"
#include "profile/pprof.h"
#include "serve/server.h"
#include "support/certificates.h"
#include "support/subprocess.h"
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

// "ann" with the password "sesame".
constexpr const char* kAnn =
    "ann:$6$rounds=1000$ann$QYWZrexz6MMsfxiW4/"
    "cqebunQacojW9XKSGqHUzvV16TLgbT0hjRNtWmHDDyVmIHj1LrBvQyvvWo9AKWZTf90.\n";

class Clients : public ::testing::Test {
 protected:
  // Skips where the program is not installed.
  bool has(const std::string& program) { return run("command -v " + program).exit_code == 0; }
  std::string start(const std::string& listen) {
    auto started = Server::start({.listen = listen, .on_thread_start = {}, .tls = tls_, .access = access_},
                                 [this](const Request& r) {
                                   log(r);
                                   return routes_.handle(r);
                                 });
    EXPECT_TRUE(started) << started.error().what;
    server_ = std::move(started).value();
    return server_->address();
  }
  // pprof keeps what it fetches; not in the home of whoever runs the tests.
  Outcome pprof(const std::string& arguments) {
    return run("HOME=" + directory_.path() + " PPROF_TMPDIR=" + directory_.path() +
               " GOFLAGS= go tool pprof " + arguments);
  }

  // A perl tool: google-pprof, or jeprof.
  Outcome perl(const std::string& tool, const std::string& arguments) {
    return run("HOME=" + directory_.path() + " PPROF_TMPDIR=" + directory_.path() +
               " JEPROF_TMPDIR=" + directory_.path() + " " + tool + " " + arguments);
  }
  void log(const Request& request) {
    const std::lock_guard lock(mutex_);
    log_.push_back(request.method + " " + request.path);
  }
  // What was asked for so far, each thing once.
  std::set<std::string> asked() {
    const std::lock_guard lock(mutex_);
    return {log_.begin(), log_.end()};
  }

  // Besides the canned heap, at /before, the same with 1000 bytes at the leak.
  static Sources sources_with_a_base() {
    Sources sources = holdfast::testing::canned_sources();
    sources.more.push_back(
        {.path = "/before", .about = {}, .answer = [](const Request&) {
           return Response{200, {}, profile::encode_pprof(holdfast::testing::canned_profile(1000))};
         }});
    return sources;
  }

  holdfast::testing::TemporaryDirectory directory_;
  TlsOptions tls_;
  std::shared_ptr<Access> access_;
  std::mutex mutex_;
  std::vector<std::string> log_;
  Routes routes_{sources_with_a_base()};
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

TEST_F(Clients, GoToolPprofAsksForNothingButTheProfile) {
  if (!has("go")) GTEST_SKIP() << "go is not installed";
  const std::string heap = start("127.0.0.1:0") + "/debug/pprof/heap";
  const Outcome raw = pprof("-raw " + heap);
  EXPECT_EQ(raw.exit_code, 0) << raw.output;
  EXPECT_THAT(raw.output, HasSubstr("inuse_space/bytes"));
  EXPECT_THAT(raw.output, HasSubstr("PeriodType: space bytes"));
  const Outcome tags = pprof("-tags " + heap);
  EXPECT_EQ(tags.exit_code, 0) << tags.output;
  const Outcome tree = pprof("-tree -sample_index=inuse_space " + heap);
  EXPECT_EQ(tree.exit_code, 0) << tree.output;
  EXPECT_THAT(tree.output, HasSubstr("shop::leaking_function"));
  // The names are in the profile: pprof asks nobody else.
  EXPECT_EQ(asked(), std::set<std::string>{"GET /debug/pprof/heap"});
}

TEST_F(Clients, GoToolPprofComparesWithABase) {
  if (!has("go")) GTEST_SKIP() << "go is not installed";
  const std::string url = start("127.0.0.1:0");
  const std::string before = url + "/before", after = url + "/debug/pprof/heap";
  for (const char* option : {"-base", "-diff_base"}) {
    const Outcome top =
        pprof(std::string("-top -unit=B -sample_index=inuse_space ") + option + "=" + before + " " + after);
    EXPECT_EQ(top.exit_code, 0) << top.output;
    EXPECT_THAT(top.output, ContainsRegex("64536B .*shop::leaking_function")) << option;  // of 1000 before
  }
}

TEST_F(Clients, GoToolPprofShowsItsPages) {
  if (!has("go") || !has("curl")) GTEST_SKIP() << "go or curl is not installed";
  const std::string heap = start("127.0.0.1:0") + "/debug/pprof/heap";
  // Not through `go tool`, which would leave it behind when it is ended.
  std::string program = run("go tool -n pprof").output;
  program.erase(program.find_last_not_of('\n') + 1);
  holdfast::testing::Process web(
      {program, "-no_browser", "-http=127.0.0.1:", heap},
      {.keep_input_open = true,
       .environment = {{"HOME", directory_.path()}, {"PPROF_TMPDIR", directory_.path()}}});
  // "Serving web UI on http://127.0.0.1:41234", on stderr.
  std::string page;
  for (std::string line = web.read_error_line(); !line.empty(); line = web.read_error_line()) {
    if (const std::size_t at = line.find("http://");
        at != std::string::npos && line.find("Serving") != std::string::npos) {
      page = line.substr(at);
      break;
    }
  }
  ASSERT_FALSE(page.empty());
  for (const char* view : {"/ui/top", "/ui/flamegraph", "/ui/peek?f=leaking"}) {
    const Outcome shown = run("curl -sS --retry 5 --retry-connrefused '" + page + view + "'");
    EXPECT_EQ(shown.exit_code, 0) << shown.output;
    EXPECT_THAT(shown.output, HasSubstr("shop::leaking_function")) << view;
  }
  web.send_signal(SIGKILL);
  EXPECT_EQ(web.wait().signal, SIGKILL);
}

TEST_F(Clients, PerlToolsReadTheTextTreeAndAskForTheNames) {
  const std::string heap = start("127.0.0.1:0") + "/pprof/heap";
  for (const char* tool : {"google-pprof", "jeprof"}) {
    if (!has(tool)) continue;
    {
      const std::lock_guard lock(mutex_);
      log_.clear();
    }
    const Outcome text = perl(tool, "--text --show_bytes " + heap);
    EXPECT_EQ(text.exit_code, 0) << text.output;
    EXPECT_THAT(text.output, ContainsRegex("65536 +99.2% .*shop::leaking_function")) << tool;
    EXPECT_THAT(asked(), ::testing::IsSupersetOf({"GET /pprof/heap", "POST /pprof/symbol"})) << tool;
    const Outcome tree = perl(tool, "--collapsed " + heap);
    EXPECT_EQ(tree.exit_code, 0) << tree.output;
    EXPECT_THAT(tree.output, HasSubstr("shop::leaking_function")) << tool;
    // Files are told by the program itself, which is not here: one row for all.
    const Outcome files = perl(tool, "--text --files --show_bytes " + heap);
    EXPECT_EQ(files.exit_code, 0) << files.output;
    EXPECT_THAT(files.output, HasSubstr("66036")) << tool;
    const Outcome raw = perl(tool, "--raw " + heap);
    EXPECT_EQ(raw.exit_code, 0) << raw.output;
    EXPECT_THAT(raw.output, ContainsRegex("--- symbol")) << tool;
    EXPECT_THAT(raw.output, HasSubstr("shop::leaking_function")) << tool;
  }
}

TEST_F(Clients, ShowThemselvesByPasswordAndCertificate) {
  if (!has("curl")) GTEST_SKIP() << "curl is not installed";
  const holdfast::testing::CertificateFiles files = holdfast::testing::make_certificates(directory_.path());
  holdfast::testing::write_text(directory_.file("auth"), kAnn);
  auto opened = Access::open({.auth_file = directory_.file("auth"), .allowed_hosts = {}});
  ASSERT_TRUE(opened) << opened.error().what;
  access_ = std::move(opened).value();
  std::string url = start("127.0.0.1:0");
  EXPECT_EQ(run("curl -sS -o /dev/null -w '%{http_code}' " + url + "/debug/pprof/heap").output, "401");
  url.insert(7, "ann:sesame@");
  EXPECT_EQ(run("curl -sS -o /dev/null -w '%{http_code}' " + url + "/debug/pprof/heap").output, "200");
  if (has("go")) {
    const Outcome top = pprof("-top -sample_index=inuse_space " + url + "/debug/pprof/heap");
    EXPECT_EQ(top.exit_code, 0) << top.output;
    EXPECT_THAT(top.output, HasSubstr("shop::leaking_function"));
  }
  const std::string holdfast =
      HOLDFAST_BINARY_DIR "/tools/holdfast/holdfast get -o " + directory_.file("got.pb.gz");
  EXPECT_EQ(run(holdfast + " " + url + "/debug/pprof/heap").exit_code, 0);

  // `go tool pprof` knows neither -tls_ca nor -tls_cert: it trusts by the environment and shows no
  // certificate.
  server_.reset();
  tls_ = {files.server, files.server_key, {}};
  url = start("127.0.0.1:0");
  url.insert(8, "ann:sesame@");
  if (has("go")) {
    ::setenv("SSL_CERT_FILE", files.authority.c_str(), 1);
    const Outcome top = pprof("-top -sample_index=inuse_space " + url + "/debug/pprof/heap");
    ::unsetenv("SSL_CERT_FILE");
    EXPECT_EQ(top.exit_code, 0) << top.output;
    EXPECT_THAT(top.output, HasSubstr("shop::leaking_function"));
  }

  server_.reset();
  tls_.client_ca_file = files.authority;
  url = start("127.0.0.1:0");
  const std::string shown =
      " --cacert " + files.authority + " --cert " + files.client + " --key " + files.client_key;
  EXPECT_NE(run("curl -sS --cacert " + files.authority + " -u ann:sesame " + url + "/").exit_code, 0);
  EXPECT_EQ(run("curl -sS -o /dev/null -w '%{http_code}'" + shown + " " + url + "/debug/pprof/heap").output,
            "401");
  EXPECT_EQ(
      run("curl -sS -o /dev/null -w '%{http_code}' -u ann:sesame" + shown + " " + url + "/debug/pprof/heap")
          .output,
      "200");
  url.insert(8, "ann:sesame@");
  const Outcome got = run(holdfast + " --ca " + files.authority + " --cert " + files.client + " --key " +
                          files.client_key + " " + url + "/debug/pprof/heap");
  EXPECT_EQ(got.exit_code, 0) << got.output;
  EXPECT_THAT(got.output, HasSubstr("2 sites"));
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
