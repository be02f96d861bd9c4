#include "scenarios/expectation.h"

#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace holdfast::testing {
namespace {

using nlohmann::json;
using Words = std::vector<std::string>;

template <typename Value>
Value one_of(const json& text, const std::vector<std::pair<const char*, Value>>& known) {
  for (const auto& [word, value] : known) {
    if (text == word) return value;
  }
  throw std::runtime_error("unknown word " + text.dump());
}

Expectation read_run(const std::string& story, const json& file, const json& run) {
  Expectation expectation;
  expectation.story = story;
  expectation.kind =
      one_of<Kind>(file.at("kind"),
                   {{"leak", Kind::leak}, {"control", Kind::control}, {"undecidable", Kind::undecidable}});
  expectation.run = run.at("name");
  const json& traffic = file.at("traffic");
  expectation.driver = traffic.value("driver", "holdfast_drive");
  expectation.requests = run.contains("requests") ? run.at("requests") : traffic.at("requests");
  expectation.rate = traffic.at("rate");
  expectation.concurrency = traffic.at("concurrency");
  expectation.ramp = traffic.value("ramp", false);
  expectation.kept_per_request = traffic.value("kept_per_request", 0.0);
  expectation.program = file.value("program", Words());
  expectation.fixed = run.value("fixed", false);
  expectation.variant = run.value("variant", "");
  expectation.exact = run.value("exact", false);
  expectation.interval = run.value("interval", "64KiB");
  expectation.bound = run.value("bound", "");
  expectation.exit_code = run.at("exit");
  expectation.grade = run.value("grade", "");
  expectation.site = run.value("site", "");
  if (expectation.exit_code != 0 && (expectation.grade.empty() || expectation.site.empty())) {
    throw std::runtime_error(expectation.run + " has an exit code other than 0, but no grade or no site");
  }
  expectation.also = file.value("also", Words());
  expectation.label = file.value("label", "");
  expectation.rss = one_of<Rss>(
      run.at("rss"), {{"follows", Rss::follows}, {"flat", Rss::flat}, {"outside_heap", Rss::outside_heap}});
  return expectation;
}

}  // namespace

std::vector<Expectation> read_expectations(const std::string& story) {
  const std::string path = std::string(HOLDFAST_SOURCE_DIR) + "/scenarios/" + story + "/expect";
  try {
    std::ifstream in(path);
    const json file = json::parse(in);
    std::vector<Expectation> all;
    for (const json& run : file.at("runs")) all.push_back(read_run(story, file, run));
    return all;
  } catch (const std::exception& error) {
    throw std::runtime_error(path + ": " + error.what());
  }
}

}  // namespace holdfast::testing
