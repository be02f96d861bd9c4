#include "scenarios/story_run.h"

#include <algorithm>
#include <fstream>
#include <future>
#include <set>
#include <thread>

#include "scenarios/judged.h"
#include "scenarios/scenario_server.h"

namespace holdfast::testing {
namespace {

using nlohmann::json;

constexpr double kLeastFollowed = 0.8;
constexpr double kMostFlat = 8 * 1024 * 1024;
constexpr double kLeastOutside = 4;  // times what the heap holds

std::vector<std::string> arguments_of(const Expectation& expectation) {
  std::vector<std::string> arguments;
  if (expectation.fixed) arguments.push_back("--fixed");
  if (!expectation.variant.empty()) arguments.insert(arguments.end(), {"--variant", expectation.variant});
  if (expectation.exact) {
    arguments.push_back("--exact");
  } else {
    arguments.insert(arguments.end(), {"--interval", expectation.interval});
  }
  return arguments;
}

// The process seen from outside at one moment.
struct Look {
  double resident = 0;
  double held = 0;  // by what the story knows
};

// `sent` requests were made; those of an unmodified program tell what it holds, as it cannot be asked.
Look look_at(const ScenarioServer& server, const Expectation& expectation, double sent) {
  const double held = expectation.program.empty() ? static_cast<double>(server.truth().bytes)
                                                  : sent * expectation.kept_per_request;
  return {static_cast<double>(server.resident_bytes()), held};
}

struct Looks {
  Look before, middle, after;
};

// Lets the driver send all its traffic; looks at the server before, in the middle and after.
Looks watch(const ScenarioServer& server, Driver& driver, const Expectation& expectation) {
  Looks looks;
  const auto all = static_cast<double>(expectation.requests);
  looks.before = look_at(server, expectation, 0);
  auto end = std::async(std::launch::async, [&] { driver.finish(); });
  end.wait_for(std::chrono::duration<double>(all / expectation.rate / 2));
  looks.middle = look_at(server, expectation, all / 2);
  end.get();
  looks.after = look_at(server, expectation, all);
  return looks;
}

bool passes_any(const json& finding, const Expectation& expectation) {
  const auto passes = [&](const std::string& function) {
    return passes_through(finding.at("site"), function);
  };
  return (!expectation.site.empty() && passes(expectation.site)) ||
         std::ranges::any_of(expectation.also, passes);
}

bool accuses(const json& finding) {
  static const std::set<std::string> kAccusing = {"leak", "suspect", "growing_container"};
  return kAccusing.contains(finding.at("grade"));
}

std::string in_a_line(const json& finding) {
  return finding.at("grade").get<std::string>() + " (" + finding.at("reason").get<std::string>() + ") " +
         finding.at("site").at("name").get<std::string>();
}

class Comparison {
 public:
  Comparison(const Expectation& expectation, const Verdict& verdict, StoryResult& result)
      : expectation_(expectation),
        findings_(verdict.report.at("findings")),
        verdict_(verdict),
        result_(result) {}

  void compare(const Looks& looks) {
    if (verdict_.exit_code != expectation_.exit_code) {
      wrong("exit code " + std::to_string(verdict_.exit_code) + " instead of " +
            std::to_string(expectation_.exit_code));
    }
    if (!findings_.empty()) result_.verdict = in_a_line(findings_.at(0));
    expectation_.is_leak() ? compare_leak() : compare_clean(looks.after.held);
    compare_rss(looks);
  }

 private:
  void wrong(const std::string& what) { result_.wrongs.push_back(what); }

  void compare_leak() {
    for (const json& finding : findings_) {
      if (accuses(finding) && !passes_any(finding, expectation_)) {
        result_.flagged = true;
        wrong("an innocent site: " + in_a_line(finding));
      }
      if (finding.at("grade") == expectation_.grade &&
          passes_through(finding.at("site"), expectation_.site)) {
        result_.found = true;
      }
    }
    if (!result_.found) wrong("no " + expectation_.grade + " at " + expectation_.site);
    if (findings_.empty()) return;
    const json& first = findings_.at(0);
    result_.site_right = passes_through(first.at("site"), expectation_.site);
    if (!result_.site_right) wrong("first is " + in_a_line(first));
    compare_label(first);
  }

  void compare_label(const json& first) {
    if (expectation_.label.empty()) return;
    const double share = first.at("labels").value(expectation_.label, 0.0);
    if (share < 0.9) wrong("label " + expectation_.label + " has a share of " + std::to_string(share));
  }

  void compare_clean(double held) {
    for (const json& finding : findings_) {
      if (!accuses(finding)) continue;
      result_.flagged = true;
      wrong("an innocent site: " + in_a_line(finding));
    }
    if (expectation_.site.empty()) return;
    if (expectation_.grade == "too_little_data" && expectation_.rss != Rss::outside_heap) {
      const double floor = verdict_.report.at("floor_bytes");
      if (floor < held) wrong("the floor of " + std::to_string(floor) + " bytes does not explain it");
    }
    const auto seen = std::ranges::find_if(findings_, [&](const json& finding) {
      return passes_through(finding.at("site"), expectation_.site);
    });
    if (seen == findings_.end()) {
      if (expectation_.grade != "too_little_data") wrong("nothing at " + expectation_.site);
    } else if (seen->at("grade") != expectation_.grade) {
      wrong("instead of " + expectation_.grade + ": " + in_a_line(*seen));
    }
  }

  void compare_rss(const Looks& looks) {
    const double late = looks.after.resident - looks.middle.resident;
    const double leaked = looks.after.held - looks.middle.held;
    const auto mib = [](double bytes) { return std::to_string(bytes / (1024 * 1024)) + " MiB"; };
    switch (expectation_.rss) {
      case Rss::follows:
        if (late < kLeastFollowed * leaked)
          wrong("RSS grew by " + mib(late) + " while " + mib(leaked) + " leaked");
        if (!(leaked > 0)) wrong("the story does not say that it leaks");
        break;
      case Rss::flat:
        if (late > kMostFlat) wrong("RSS grew by " + mib(late) + " in the second half");
        break;
      case Rss::outside_heap: {
        const double grown = looks.after.resident - looks.before.resident;
        const double in_use = verdict_.report.at("memory").at("in_use_bytes");
        if (grown < kLeastOutside * in_use)
          wrong("RSS grew by " + mib(grown) + ", the heap holds " + mib(in_use));
      }
    }
  }

  const Expectation& expectation_;
  const json findings_;
  const Verdict& verdict_;
  StoryResult& result_;
};

// Nothing happens meanwhile, so nothing may change: a program at rest is judged as of the end of its work.
void judge_after_rest(const ScenarioServer& server, const Expectation& expectation, std::chrono::seconds idle,
                      StoryResult& result) {
  std::this_thread::sleep_for(idle);
  const Verdict rested = check(server.heap(), expectation.bound);
  if (rested.exit_code == expectation.exit_code) return;
  const json& findings = rested.report.at("findings");
  result.flagged = result.flagged || !expectation.is_leak();
  result.wrongs.push_back("after " + std::to_string(idle.count()) + " s of rest exit code " +
                          std::to_string(rested.exit_code) +
                          (findings.empty() ? "" : ": " + in_a_line(findings.at(0))));
}

}  // namespace

StoryResult run_story(const Expectation& expectation, const StoryOptions& options) {
  StoryResult result{.story = expectation.story, .run = expectation.run, .kind = expectation.kind};
  result.is_leak = expectation.is_leak();
  try {
    ScenarioServer server = ScenarioServer::of(expectation, arguments_of(expectation));
    if (!server.serves()) throw std::runtime_error("the server ended before it served");
    Driver driver(server.app(), expectation);
    const Looks looks = watch(server, driver, expectation);
    const Verdict verdict = check(server.heap(), expectation.bound);
    Comparison(expectation, verdict, result).compare(looks);
    if (options.idle.count() > 0) judge_after_rest(server, expectation, options.idle, result);
    driver.leave();
    if (const int code = server.stop(); code != 0)
      throw std::runtime_error("the server stopped with " + std::to_string(code));
    if (!options.keep.empty() && !result.wrongs.empty()) {
      std::ofstream(options.keep + "/" + expectation.name() + ".report.json") << verdict.report.dump(2);
    }
  } catch (const std::exception& error) {
    result.wrongs.push_back(error.what());
  }
  return result;
}

json to_json(const StoryResult& result) {
  return {{"story", result.story},     {"run", result.run},         {"kind", static_cast<int>(result.kind)},
          {"is_leak", result.is_leak}, {"found", result.found},     {"site_right", result.site_right},
          {"flagged", result.flagged}, {"verdict", result.verdict}, {"wrongs", result.wrongs}};
}

StoryResult result_from_json(const json& json) {
  return {.story = json.at("story"),
          .run = json.at("run"),
          .kind = static_cast<Kind>(json.at("kind").get<int>()),
          .is_leak = json.at("is_leak"),
          .found = json.at("found"),
          .site_right = json.at("site_right"),
          .flagged = json.at("flagged"),
          .verdict = json.at("verdict"),
          .wrongs = json.at("wrongs").get<std::vector<std::string>>()};
}

}  // namespace holdfast::testing
