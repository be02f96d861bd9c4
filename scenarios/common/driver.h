// The command line of the programs that send a story its traffic. Main thread.
#pragma once

#include <string>
#include <vector>

#include "scenarios/common/traffic.h"

namespace holdfast::scenarios {

struct Visited {
  std::string story;
  MakeVisitor make_visitor;
};

// Parses the options, sends the traffic and says how it went. Exit code 0 when every request got the expected
// answer, 1 when some did not, 2 for wrong usage or when nobody answers.
int drive_main(int argc, char** argv, const std::vector<Visited>& stories);

}  // namespace holdfast::scenarios
