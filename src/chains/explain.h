// From a process' raw answer to chains with names: symbols, DWARF, RTTI, and what the words in and around
// blocks give away of closures, coroutine frames and container nodes. Alike chains are counted together. One
// thread; allocates; reads the program's files.
#pragma once

#include <holdfast/result.h>

#include <string>
#include <vector>

#include "chains/dump.h"
#include "diagnose/holder.h"

namespace holdfast::chains {

// `folders`: where the program's files are, when they are not at the paths the process has them.
diagnose::Holders explain(const Dump& dump, const std::vector<std::string>& folders = {});

}  // namespace holdfast::chains
