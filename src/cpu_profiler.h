// gperftools' CPU profiler, where the program links it: looked for once, and told to write where only we
// read.
#pragma once

#include <optional>

#include "serve/sources.h"

namespace holdfast {

// Nothing where the program links no profiler. Its functions are called on the endpoint's threads, one at a
// time.
std::optional<serve::CpuProfiler> find_cpu_profiler();

}  // namespace holdfast
