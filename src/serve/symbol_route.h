// The protocol of /symbol: pprof and the perl tools send addresses, joined by '+', and read back a line for
// each name. Pure, any thread; allocates in proportion to the request.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "serve/routes.h"

namespace holdfast::serve {

// The body of the answer. A GET's begins with "num_symbols: 1": the count only has to be positive, since
// pprof asks for nothing where it is 0. Addresses stand in the query of a GET and in the body of a POST (in
// its query where there is no body), with or without leading zeros; others are skipped, as are those without
// a name.
std::string symbol_answer(
    const Request& request,
    const std::function<std::vector<std::string>(const std::vector<std::uint64_t>&)>& names);

}  // namespace holdfast::serve
