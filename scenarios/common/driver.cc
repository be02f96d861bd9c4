#include "scenarios/common/driver.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>

namespace holdfast::scenarios {
namespace {

void tell(const Sent& sent) {
  std::printf("%llu requests in %.1f s, %llu failed\n", static_cast<unsigned long long>(sent.requests),
              sent.time.count(), static_cast<unsigned long long>(sent.failed));
  if (sent.failed > 0) std::printf("one of them: %s\n", sent.first_failure.c_str());
  std::fflush(stdout);
}

}  // namespace

int drive_main(int argc, char** argv, const std::vector<Visited>& stories) {
  std::string story;
  Load load{.requests = 0};
  double seconds = 0;
  bool stay = false;

  std::vector<std::string> names;
  for (const Visited& visited : stories) names.push_back(visited.story);
  CLI::App app("Sends the traffic of a story to its running server.");
  app.add_option("--scenario", story, "name of the story, e.g. " + names.front())
      ->required()
      ->check(CLI::IsMember(names));
  app.add_option("--app", load.app, "address the scenario printed, e.g. http://127.0.0.1:8080")->required();
  app.add_option("--requests", load.requests, "stop after this many requests; 0 for no bound")
      ->capture_default_str();
  app.add_option("--first", load.first_number, "number of the first: go on where an earlier run ended")
      ->capture_default_str();
  app.add_option("--seconds", seconds, "stop after this long; 10 when no bound is given at all")
      ->check(CLI::Range(0.0, 86400.0));
  app.add_option("--rate", load.rate, "requests per second over all clients; 0 for as fast as answers come")
      ->check(CLI::Range(0.0, 1e6))
      ->capture_default_str();
  app.add_flag("--ramp", load.ramp, "let the rate rise, from nothing to twice --rate");
  app.add_flag("--stay", stay, "keep the connections until standard input ends");
  app.add_option("--concurrency", load.concurrency, "clients at once, 1 to 256")->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  if (load.requests == 0 && seconds == 0) seconds = 10;
  load.time = std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1000));

  const auto visited = std::ranges::find(stories, story, &Visited::story);
  const auto sent = drive(visited->make_visitor, load, [stay](const Sent& so_far) {
    tell(so_far);
    while (stay && std::getchar() != EOF) {
    }
  });
  if (!sent) {
    std::fprintf(stderr, "error: %s\n", sent.error().what.c_str());
    if (!sent.error().hint.empty()) std::fprintf(stderr, "hint: %s\n", sent.error().hint.c_str());
    return 2;
  }
  return sent->failed == 0 ? 0 : 1;
}

}  // namespace holdfast::scenarios
