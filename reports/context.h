// What a report is told besides the findings: plain values, made by the tool from its flags.
#pragma once

#include <string>
#include <vector>

namespace holdfast::reports {

struct Context {
  std::string name;                     // of what was judged, for people: a scenario, a program, a file
  std::vector<std::string> sources;     // the snapshots read, in order
  std::string source_root;              // paths below it are told relative to it; empty: none are
  std::string version;                  // of the tool
  bool fails_when_inconclusive = true;  // else that is a warning
};

}  // namespace holdfast::reports
