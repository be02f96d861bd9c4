// The heap endpoint in a server on cpp-httplib: example_cpp_httplib [PORT], 0 picks a free one.
#include <holdfast/holdfast.h>
#include <holdfast/work.h>
#include <httplib.h>
#include <signal.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>

namespace {

void answer(const httplib::Request& from, httplib::Response& to) {
  holdfast::HttpRequest request{.method = from.method, .target = from.target};
  for (const auto& [name, value] : from.headers) request.headers.emplace_back(name, value);
  request.body = from.body;
  holdfast::HttpResponse response = holdfast::handle(request);
  to.status = response.status;
  std::string type;
  for (const auto& [name, value] : response.headers) {
    if (name == "Content-Type") {
      type = value;
    } else {
      to.set_header(name, value);
    }
  }
  to.set_content(std::move(response.body), type);
}

// POST answers /symbol and what changes the recording. cpp-httplib answers HEAD by GET's handlers.
void mount(httplib::Server& server) {
  for (const char* paths : {"/debug/(pprof|holdfast)/.*", "/pprof/.*"}) {
    server.Get(paths, answer);
    server.Post(paths, answer);
  }
}

}  // namespace

int main(int argc, char** argv) {
  // Blocked before any thread starts, so that sigwait() below gets them.
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigaddset(&ends, SIGINT);
  pthread_sigmask(SIG_BLOCK, &ends, nullptr);

  auto heap = holdfast::Session::open();
  if (!heap) std::fprintf(stderr, "%s; %s\n", heap.error().what.c_str(), heap.error().hint.c_str());

  httplib::Server server;
  server.Get("/", holdfast::counted([](const httplib::Request&, httplib::Response& response) {
               response.set_content("hello\n", "text/plain");
             }));
  mount(server);
  const int wanted = argc > 1 ? std::atoi(argv[1]) : 8080;
  const int port = wanted == 0 ? server.bind_to_any_port("127.0.0.1") : wanted;
  if (wanted != 0 && !server.bind_to_port("127.0.0.1", port)) return 1;
  std::thread serving([&server] { server.listen_after_bind(); });
  std::printf("http://127.0.0.1:%d\n", port);
  std::fflush(stdout);

  int signal = 0;
  sigwait(&ends, &signal);
  // The server first, so that nobody asks a session that is closing; then the session, at the end of main.
  server.stop();
  serving.join();
  return 0;
}
