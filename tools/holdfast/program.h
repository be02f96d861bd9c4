// Which file a command line starts, and whether a library can be preloaded into it: the dynamic loader of a
// static program does not exist, and that of a privileged one ignores LD_PRELOAD. Called by `run`, before
// anything is started. Main thread; reads the first kilobytes of files.
#pragma once

#include <holdfast/result.h>

#include <string>

namespace holdfast::tool {

// `name` as a shell finds it: with a slash as it is, otherwise the first executable of that name in PATH.
Result<std::string> find_program(const std::string& name);

// Follows `#!` lines to the program that really runs and checks it: a dynamic 64-bit ELF program for this
// machine and its GNU C library, neither set-uid nor set-gid, and without file capabilities. The Error says
// which of these fails.
Result<void> check_preloadable(const std::string& path);

}  // namespace holdfast::tool
