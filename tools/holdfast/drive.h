// The command that sends one round of requests. Main thread; blocks until the command has ended.
#pragma once

#include <holdfast/result.h>

#include <string>

namespace holdfast::tool {

// Runs `command` by /bin/sh, with HOLDFAST_ROUND set to `round` (0, 1, ..) and nothing on its standard input.
// Its output is kept from the results; when it fails, the error is preceded by the output's end on standard
// error. Error when it ends with another status than 0.
Result<void> drive(const std::string& command, int round);

// Whether `command` ends with status 0; what it says is dropped.
bool succeeds(const std::string& command);

}  // namespace holdfast::tool
