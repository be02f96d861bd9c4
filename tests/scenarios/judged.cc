#include "scenarios/judged.h"

#include <gtest/gtest.h>

#include <cstdio>

#include "support/subprocess.h"

namespace holdfast::testing {

void drive(const ScenarioServer& server, const Expectation& expectation) {
  ProcessOptions options;
  options.timeout = std::chrono::seconds(120);
  const Outcome outcome = run({HOLDFAST_BINARY_DIR "/scenarios/holdfast_drive", "--scenario", expectation.story, "--app",
                               server.app(), "--requests", std::to_string(expectation.requests), "--rate",
                               std::to_string(expectation.rate), "--concurrency", std::to_string(expectation.concurrency)},
                              options);
  // The flagship registers routes while it serves, which cpp-httplib does not lock: now and then a request gets no answer.
  unsigned long sent = 0, failed = 0;
  double seconds = 0;
  ASSERT_EQ(std::sscanf(outcome.out.c_str(), "%lu requests in %lf s, %lu failed", &sent, &seconds, &failed), 3)
      << outcome.out << outcome.err;
  ASSERT_GE(sent, expectation.requests);
  ASSERT_LE(failed * 50, sent) << outcome.out << outcome.err;
}

Verdict check(const std::string& source) {
  const Outcome outcome = run({HOLDFAST_BINARY_DIR "/tools/holdfast/holdfast", "check", source, "--format", "json"});
  EXPECT_EQ(outcome.err, "");
  Verdict verdict{outcome.exit_code, nlohmann::json::parse(outcome.out, nullptr, false)};
  EXPECT_FALSE(verdict.report.is_discarded()) << outcome.out;
  return verdict;
}

bool passes_through(const nlohmann::json& site, const std::string& function) {
  for (const nlohmann::json& frame : site.at("frames")) {
    if (frame.at("function").get<std::string>().find(function) != std::string::npos) return true;
  }
  return false;
}

}  // namespace holdfast::testing
