#include "scenarios/common/story.h"

#include <holdfast/holdfast.h>
#include <signal.h>
#include <sys/socket.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>

namespace holdfast::scenarios {
namespace {

constexpr int kRefused = 2;

int refuse(const Error& error) {
  std::fprintf(stderr, "error: %s\n", error.what.c_str());
  if (!error.hint.empty()) std::fprintf(stderr, "hint: %s\n", error.hint.c_str());
  return kRefused;
}

// The settings, or the exit code CLI11 chose (0 after --help).
std::optional<int> parse(int argc, char** argv, const Story& story, Settings& settings) {
  CLI::App app(story.about);
  app.add_option("--listen-app", settings.app_port, "port of the service on 127.0.0.1; 0 picks a free one")
      ->check(CLI::Range(0, 65535))
      ->capture_default_str();
  app.add_option("--heap", settings.heap, "where the heap endpoint listens: host:port or unix:/path")
      ->capture_default_str();
  auto* exact = app.add_flag("--exact", settings.exact, "count every allocation instead of sampling");
  app.add_option("--interval", settings.interval_bytes, "mean bytes between two samples, e.g. 64KiB")
      ->transform(CLI::AsSizeValue(false))
      ->excludes(exact)
      ->capture_default_str();
  if (story.has_fixed_twin) app.add_flag("--fixed", settings.fixed, "run the corrected twin");
  if (!story.variants.empty()) {
    app.add_option("--variant", settings.variant, "tell the story another way")
        ->check(CLI::IsMember(story.variants));
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error, std::cout, std::cerr);
    return code == 0 ? 0 : kRefused;
  }
  return std::nullopt;
}

sigset_t block_stop_signals() {
  sigset_t stop;
  sigemptyset(&stop);
  sigaddset(&stop, SIGTERM);
  sigaddset(&stop, SIGINT);
  pthread_sigmask(SIG_BLOCK, &stop,
                  nullptr);  // inherited by every thread: only the main thread waits for them
  return stop;
}

// Port bound, or -1. cpp-httplib's default sets SO_REUSEPORT, with which two servers share a port and neither
// notices.
int bind(httplib::Server& server, int port) {
  server.set_socket_options([](socket_t socket) {
    const int yes = 1;
    setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  });
  if (port == 0) return server.bind_to_any_port("127.0.0.1");
  return server.bind_to_port("127.0.0.1", port) ? port : -1;
}

void add_common_routes(httplib::Server& server, const Story& story) {
  server.Get("/truth", [&story](const httplib::Request&, httplib::Response& response) {
    const Truth truth = story.truth ? story.truth() : Truth{};
    const nlohmann::json told = {{"objects", truth.objects}, {"bytes", truth.bytes}};
    response.set_content(told.dump(), "application/json");
  });
  // The work clock: one unit per request answered, asking for the truth is not among them.
  server.set_logger([](const httplib::Request& request, const httplib::Response&) {
    if (request.path != "/truth") add_work(1);
  });
  server.set_tcp_nodelay(true);
  server.set_keep_alive_max_count(1'000'000);
  // Seconds, also how long a clean stop may wait for an idle client. A client that was kept waiting for its
  // processor must not find its connection closed just as it sends: that request would be lost.
  server.set_keep_alive_timeout(10);
}

}  // namespace

int run(int argc, char** argv, const Story& story) {
  Settings settings;
  if (const auto exit_code = parse(argc, argv, story, settings)) return *exit_code;
  const sigset_t stop = block_stop_signals();

  auto heap = Session::open(
      {.listen = settings.heap, .interval_bytes = settings.interval_bytes, .exact = settings.exact});
  if (!heap) return refuse(heap.error());

  httplib::Server server;
  add_common_routes(server, story);
  const int port = bind(server, settings.app_port);
  if (port < 0) {
    return refuse({"cannot listen on 127.0.0.1:" + std::to_string(settings.app_port) + ": the port is taken",
                   "choose another with --listen-app PORT; 0 picks a free one"});
  }
  story.open(settings, server);

  std::thread acceptor([&server] { server.listen_after_bind(); });
  std::printf("heap %s\napp http://127.0.0.1:%d\n", heap->address().c_str(), port);
  std::fflush(stdout);

  int signal_number = 0;
  sigwait(&stop, &signal_number);
  server.stop();
  acceptor.join();
  if (story.close) story.close();
  return 0;
}

}  // namespace holdfast::scenarios
