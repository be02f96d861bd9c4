// The written rules that other readers of pprof profiles hold their writers to (Parca: ids 1..N in order;
// Speedscope: ids in 32 bits, no negative values; Pyroscope: no '-' in type names, valid UTF-8; Go pprof:
// names present) and those that Holdfast sets itself. Reads the protobuf on its own, not through the codec it
// checks.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace holdfast::support {

// `bytes`: a heap profile as the endpoint answers it, gzipped or bare. One line per broken rule; empty when
// all hold.
std::vector<std::string> broken_rules(std::string_view bytes);

}  // namespace holdfast::support
