// What a story's `expect` file says (scenarios/README.md documents it): the traffic it is judged under and the verdict
// each run must end with.
#pragma once

#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

namespace holdfast::testing {

struct Expectation {
  std::string story;  // "router_closure"
  std::string run;    // "fixed_sampled"

  std::uint64_t requests = 0;
  double rate = 0;
  unsigned concurrency = 0;

  bool fixed = false;
  bool exact = false;

  int exit_code = 0;
  std::string grade;  // of the first finding; empty where none may be a leak or a suspect
  std::string site;   // a function among the frames of that finding's site
  bool rss_follows = false;
};

// Every run of every story in `stories`, read from scenarios/<story>/expect. Throws when a file is missing or wrong:
// better no test program than one that silently tests less.
std::vector<Expectation> read_expectations(const std::vector<std::string>& stories);

inline void PrintTo(const Expectation& expectation, std::ostream* out) {
  *out << expectation.story << " " << expectation.run;
}

}  // namespace holdfast::testing
