#include "scenarios/expectation.h"

#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace holdfast::testing {
namespace {

using nlohmann::json;

Expectation read_run(const std::string& story, const json& traffic, const json& run) {
  Expectation expectation;
  expectation.story = story;
  expectation.run = run.at("name");
  expectation.requests = traffic.at("requests");
  expectation.rate = traffic.at("rate");
  expectation.concurrency = traffic.at("concurrency");
  expectation.fixed = run.at("fixed");
  expectation.exact = run.at("exact");
  expectation.exit_code = run.at("exit");
  if (expectation.exit_code != 0) {
    expectation.grade = run.at("grade");
    expectation.site = run.at("site");
  }
  const std::string rss = run.at("rss");
  if (rss != "follows" && rss != "flat") throw std::runtime_error("rss is neither follows nor flat");
  expectation.rss_follows = rss == "follows";
  return expectation;
}

}  // namespace

std::vector<Expectation> read_expectations(const std::vector<std::string>& stories) {
  std::vector<Expectation> all;
  for (const std::string& story : stories) {
    const std::string path = std::string(HOLDFAST_SOURCE_DIR) + "/scenarios/" + story + "/expect";
    try {
      std::ifstream in(path);
      const json file = json::parse(in);
      for (const json& run : file.at("runs")) all.push_back(read_run(story, file.at("traffic"), run));
    } catch (const std::exception& error) {
      throw std::runtime_error(path + ": " + error.what());
    }
  }
  return all;
}

}  // namespace holdfast::testing
