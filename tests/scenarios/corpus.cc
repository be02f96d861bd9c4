// holdfast_corpus: runs the stories, or some of them, and scores the verdicts. With --record each result is
// also written to a folder; with --score the table is made of what earlier runs recorded there. Exit code 0
// when every run ended as its expect file says, 1 when not, 2 for wrong usage.
#include <CLI/CLI.hpp>
#include <atomic>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <regex>
#include <thread>

#include "scenarios/story_run.h"

namespace holdfast::testing {
namespace {

struct Flags {
  std::vector<std::string> stories;
  std::string only = ".*";
  unsigned jobs = 4;
  unsigned repeat = 1;
  unsigned idle_seconds = 0;
  bool controls = false;
  std::string record, score;
};

std::vector<std::string> all_stories() {
  std::vector<std::string> stories;
  for (const auto& entry : std::filesystem::directory_iterator(HOLDFAST_SOURCE_DIR "/scenarios")) {
    if (std::filesystem::exists(entry.path() / "expect")) stories.push_back(entry.path().filename());
  }
  std::sort(stories.begin(), stories.end());
  return stories;
}

std::vector<Expectation> chosen(const Flags& flags) {
  const std::regex only(flags.only);
  std::vector<Expectation> runs;
  for (const std::string& story : flags.stories.empty() ? all_stories() : flags.stories) {
    for (Expectation& expectation : read_expectations(story)) {
      if (flags.controls && expectation.is_leak()) continue;
      if (std::regex_match(expectation.name(), only)) runs.push_back(std::move(expectation));
    }
  }
  return runs;
}

void write_record(const std::string& folder, const StoryResult& result) {
  std::filesystem::create_directories(folder);
  std::ofstream(folder + "/" + result.story + "." + result.run + ".json") << to_json(result).dump(1) << '\n';
}

std::vector<StoryResult> read_records(const std::string& folder) {
  std::vector<StoryResult> results;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().string().ends_with(".report.json")) continue;
    std::ifstream in(entry.path());
    results.push_back(result_from_json(nlohmann::json::parse(in)));
  }
  return results;
}

// The stories mostly wait for their traffic, so several run at once.
std::vector<StoryResult> run_all(const std::vector<Expectation>& runs, const Flags& flags) {
  std::vector<StoryResult> results;
  std::mutex mutex;
  std::atomic<std::size_t> next{0};
  const auto work = [&] {
    for (std::size_t turn = next++; turn < runs.size() * flags.repeat; turn = next++) {
      const Expectation& expectation = runs[turn % runs.size()];
      if (!flags.record.empty()) std::filesystem::create_directories(flags.record);
      StoryResult result = run_story(expectation, {std::chrono::seconds(flags.idle_seconds), flags.record});
      const std::lock_guard lock(mutex);
      std::printf("%-4s %-34s %s\n", result.wrongs.empty() ? "ok" : "BAD", expectation.name().c_str(),
                  result.verdict.c_str());
      for (const std::string& wrong : result.wrongs) std::printf("       %s\n", wrong.c_str());
      std::fflush(stdout);
      if (!flags.record.empty()) write_record(flags.record, result);
      results.push_back(std::move(result));
    }
  };
  std::vector<std::thread> workers;
  for (unsigned i = 0; i < flags.jobs; ++i) workers.emplace_back(work);
  for (std::thread& worker : workers) worker.join();
  return results;
}

struct Score {
  unsigned leaks = 0, found = 0, right = 0, clean = 0, flagged = 0, innocent = 0, as_expected = 0, runs = 0;
};

void count(const StoryResult& result, Score& score) {
  ++score.runs;
  score.as_expected += result.wrongs.empty();
  if (result.is_leak) {
    ++score.leaks;
    score.found += result.found;
    score.right += result.site_right;
    score.innocent += result.flagged;
  } else {
    ++score.clean;
    score.flagged += result.flagged;
  }
}

bool print_score(const std::vector<StoryResult>& results) {
  std::map<std::pair<bool, std::string>, Score> stories;  // leaks first
  Score total;
  for (const StoryResult& result : results) {
    count(result, stories[{result.kind == Kind::control, result.story}]);
    count(result, total);
  }
  std::printf("\n%-24s %6s %6s %6s %7s %7s\n", "story", "runs", "found", "site", "flagged", "as told");
  for (const auto& [key, s] : stories) {
    std::printf("%-24s %6u %3u/%-3u %3u/%-3u %3u/%-3u %3u/%-3u\n", key.second.c_str(), s.runs, s.found,
                s.leaks, s.right, s.leaks, s.flagged, s.clean, s.as_expected, s.runs);
  }
  std::printf(
      "\nleaks found %u of %u, sites right %u of %u, controls flagged %u of %u, leaks with an innocent site "
      "beside them %u; as their expect files say %u of %u\n",
      total.found, total.leaks, total.right, total.leaks, total.flagged, total.clean, total.innocent,
      total.as_expected, total.runs);
  return total.as_expected == total.runs && total.runs > 0;
}

int corpus_main(int argc, char** argv) {
  Flags flags;
  CLI::App app("Runs the stories of scenarios/ and scores the verdicts.");
  app.add_option("STORY", flags.stories, "which; all when none is named");
  app.add_option("--only", flags.only, "only runs whose name, as router_closure.exact, matches")
      ->capture_default_str();
  app.add_option("--jobs", flags.jobs, "runs at once")->check(CLI::Range(1, 64))->capture_default_str();
  app.add_option("--repeat", flags.repeat, "each so often")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  app.add_option("--idle", flags.idle_seconds,
                 "judge each run once more after so many seconds without traffic");
  app.add_flag("--controls", flags.controls, "only runs in which nothing must be found");
  app.add_option("--record", flags.record, "folder for each run's result");
  app.add_option("--score", flags.score, "run nothing: the table of the results in this folder");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  if (!flags.score.empty()) return print_score(read_records(flags.score)) ? 0 : 1;
  const std::vector<Expectation> runs = chosen(flags);
  if (runs.empty()) {
    std::fprintf(stderr, "error: no run is called so\n");
    return 2;
  }
  return print_score(run_all(runs, flags)) ? 0 : 1;
}

}  // namespace
}  // namespace holdfast::testing

int main(int argc, char** argv) {
  try {
    return holdfast::testing::corpus_main(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return 2;
  }
}
