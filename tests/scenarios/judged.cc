#include "scenarios/judged.h"

#include <cstdio>
#include <stdexcept>

namespace holdfast::testing {
namespace {

std::vector<std::string> driver_words(const std::string& app, const Expectation& expectation) {
  std::vector<std::string> words = {HOLDFAST_BINARY_DIR "/scenarios/" + expectation.driver,
                                    "--scenario",
                                    expectation.story,
                                    "--app",
                                    app,
                                    "--requests",
                                    std::to_string(expectation.requests),
                                    "--rate",
                                    std::to_string(expectation.rate),
                                    "--concurrency",
                                    std::to_string(expectation.concurrency),
                                    "--stay"};
  if (expectation.ramp) words.push_back("--ramp");
  return words;
}

ProcessOptions driver_options() {
  ProcessOptions options;
  options.keep_input_open = true;
  options.timeout = std::chrono::seconds(600);
  return options;
}

}  // namespace

Driver::Driver(const std::string& app, const Expectation& expectation)
    : requests_(expectation.requests), process_(driver_words(app, expectation), driver_options()) {}

void Driver::finish() {
  const std::string told = process_.read_line();
  unsigned long sent = 0, failed = 0;
  double seconds = 0;
  if (std::sscanf(told.c_str(), "%lu requests in %lf s, %lu failed", &sent, &seconds, &failed) != 3) {
    throw std::runtime_error("the driver says '" + told + "': " + process_.wait().err);
  }
  if (sent != requests_) throw std::runtime_error("only " + told);
  if (failed > 0) throw std::runtime_error(told + "; " + process_.read_line());
}

void Driver::leave() {
  process_.close_input();
  process_.wait();
}

Verdict check(const std::string& source, const std::string& bound) {
  std::vector<std::string> words = {HOLDFAST_BINARY_DIR "/tools/holdfast/holdfast", "check", source,
                                    "--format", "json"};
  if (!bound.empty()) words.insert(words.end(), {"--bound", bound});
  const Outcome outcome = run(words);
  Verdict verdict{outcome.exit_code, nlohmann::json::parse(outcome.out, nullptr, false)};
  if (verdict.report.is_discarded() || !outcome.err.empty()) {
    throw std::runtime_error("holdfast check says '" + outcome.err + "', exit code " +
                             std::to_string(outcome.exit_code));
  }
  return verdict;
}

bool passes_through(const nlohmann::json& site, const std::string& function) {
  for (const nlohmann::json& frame : site.at("frames")) {
    if (frame.at("function").get<std::string>().find(function) != std::string::npos) return true;
  }
  return false;
}

}  // namespace holdfast::testing
