// holdfast_drive: sends the traffic of a story to its running server and says how it went. Exit code 0 when
// every request got the expected answer, 1 when some did not, 2 for wrong usage or when nobody answers.
#include <CLI/CLI.hpp>
#include <cstdio>

#include "scenarios/common/traffic.h"

int main(int argc, char** argv) {
  using namespace holdfast::scenarios;
  std::string story;
  Load load{.requests = 0};
  double seconds = 0;

  CLI::App app("Sends the traffic of a story to its running server.");
  app.add_option("--scenario", story, "name of the story, e.g. router_closure")->required();
  app.add_option("--app", load.app, "address the scenario printed, e.g. http://127.0.0.1:8080")->required();
  app.add_option("--requests", load.requests, "stop after this many requests; 0 for no bound")
      ->capture_default_str();
  app.add_option("--seconds", seconds, "stop after this long; 10 when no bound is given at all")
      ->check(CLI::Range(0.0, 86400.0));
  app.add_option("--rate", load.rate, "requests per second over all clients; 0 for as fast as answers come")
      ->check(CLI::Range(0.0, 1e6))
      ->capture_default_str();
  app.add_option("--concurrency", load.concurrency, "clients at once, 1 to 256")->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  if (load.requests == 0 && seconds == 0) seconds = 10;
  load.time = std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1000));

  const auto sent = drive(story, load);
  if (!sent) {
    std::fprintf(stderr, "error: %s\n", sent.error().what.c_str());
    if (!sent.error().hint.empty()) std::fprintf(stderr, "hint: %s\n", sent.error().hint.c_str());
    return 2;
  }
  std::printf("%llu requests in %.1f s, %llu failed\n", static_cast<unsigned long long>(sent->requests),
              sent->time.count(), static_cast<unsigned long long>(sent->failed));
  return sent->failed == 0 ? 0 : 1;
}
