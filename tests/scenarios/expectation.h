// What a story's `expect` file says (scenarios/README.md documents it): the traffic it is judged under and
// the verdict each run must end with.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace holdfast::testing {

enum class Kind { leak, control, undecidable };
enum class Rss { follows, flat, outside_heap };

struct Expectation {
  std::string story;  // "router_closure"
  Kind kind = Kind::control;
  std::string run;  // "fixed_sampled"

  std::string driver;  // program that sends the traffic
  std::uint64_t requests = 0;
  double rate = 0;
  unsigned concurrency = 0;
  bool ramp = false;
  double kept_per_request = 0;  // bytes; where the program cannot be asked what it holds

  std::vector<std::string> program;  // an unmodified one for `holdfast run`; empty: scenario_<story>
  bool fixed = false;
  std::string variant;
  bool exact = false;
  std::string interval;  // when not exact
  std::string bound;     // declared to `holdfast check`

  int exit_code = 0;
  std::string grade;              // of the first finding where exit_code is not 0, of the site's otherwise
  std::string site;               // a function among the frames of that finding's site
  std::vector<std::string> also;  // other functions whose allocations the same mistake keeps
  std::string label;              // the first finding's largest, "client=laggard"
  Rss rss = Rss::flat;

  std::string name() const { return story + "." + run; }
  // Whether this run shows the mistake at work and the verdict must name it.
  bool is_leak() const { return exit_code != 0; }
};

// Every run of the story, read from scenarios/<story>/expect. Throws when the file is missing or wrong:
// better no test program than one that silently tests less.
std::vector<Expectation> read_expectations(const std::string& story);

}  // namespace holdfast::testing
