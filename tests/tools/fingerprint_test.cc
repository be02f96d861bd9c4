// Fingerprints name a site in every build: another compiler, other optimisation, other lines, other
// addresses.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "support/temporary.h"
#include "tools/tool.h"

namespace holdfast {
namespace {

using testing::Outcome;

class Fingerprint : public ::testing::Test {
 protected:
  // Of each site that holds more than a few blocks: its fingerprint and the bytes it holds in all.
  std::map<std::string, double> of_build(const std::vector<std::string>& compiler, int shifted_lines) {
    const std::string name = directory_.file("program_" + std::to_string(++builds_));
    const std::string source = testing::read_text(HOLDFAST_SOURCE_DIR "/tests/tools/fingerprint_program.cc");
    testing::write_text(name + ".cc", std::string(static_cast<std::size_t>(shifted_lines), '\n') + source);
    std::vector<std::string> words = compiler;
    words.insert(words.end(), {"-std=c++20", name + ".cc", "-o", name});
    const Outcome built = testing::run(words);
    EXPECT_EQ(built.exit_code, 0) << built.err;
    EXPECT_EQ(testing::holdfast({"run", "--exact", "--listen", "none", "--dump", name + ".dump", "--", name})
                  .exit_code,
              0);
    std::vector<std::string> check = {"check", "--all", "--format", "json"};
    for (const auto& entry : std::filesystem::directory_iterator(name + ".dump"))
      check.push_back(entry.path());
    const Outcome outcome = testing::holdfast(check);
    EXPECT_NE(outcome.out, "") << outcome.err;
    std::map<std::string, double> sites;
    const auto report = nlohmann::json::parse(outcome.out);
    for (const auto& finding : report.at("findings")) {
      const auto& site = finding.at("site");
      if (site.at("in_use_objects").get<double>() >= 300)
        sites[site.at("fingerprint").get<std::string>()] += site.at("in_use_bytes").get<double>();
    }
    return sites;
  }

  testing::TemporaryDirectory directory_;
  int builds_ = 0;
};

TEST_F(Fingerprint, SurvivesCompilersOptimisationLinesAndAddresses) {
  const auto reference = of_build({"g++", "-O2", "-g"}, 0);
  EXPECT_EQ(reference.size(), 2u) << "keep_all and Router::add";
  EXPECT_EQ(of_build({"clang++", "-O2", "-g"}, 40), reference) << "another compiler, 40 lines further down";
  EXPECT_EQ(of_build({"g++", "-O1", "-g", "-fno-pie", "-no-pie"}, 7), reference)
      << "less optimised, at fixed addresses";
}

}  // namespace
}  // namespace holdfast
