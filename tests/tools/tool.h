// The built command line tool, as a test runs it.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "support/subprocess.h"

namespace holdfast::testing {

inline std::vector<std::string> tool_words(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), HOLDFAST_BINARY_DIR "/tools/holdfast/holdfast");
  return arguments;
}

// `holdfast <arguments>`, to its end.
inline Outcome holdfast(std::vector<std::string> arguments, ProcessOptions options = {}) {
  return run(tool_words(std::move(arguments)), std::move(options));
}

}  // namespace holdfast::testing
