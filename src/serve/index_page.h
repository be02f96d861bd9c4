// The page at /debug/pprof/: what Holdfast knows of itself, and commands to paste. Pure, any thread;
// allocates.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "serve/sources.h"

namespace holdfast::serve {

// `facts` are names and values; `more` are the routes of other rooms; `host` is the Host header of the
// request, as the client reaches us, or empty. Every text is escaped.
std::string index_page(const std::vector<std::pair<std::string, std::string>>& facts,
                       const std::vector<Route>& more, std::string_view host);

}  // namespace holdfast::serve
