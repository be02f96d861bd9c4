// The page at /debug/pprof/: what Holdfast knows of itself, and commands to paste. Pure, any thread;
// allocates.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace holdfast::serve {

// `facts` are names and values; `host` is the Host header of the request, as the client reaches us, or empty.
// Every text is escaped.
std::string index_page(const std::vector<std::pair<std::string, std::string>>& facts, std::string_view host);

}  // namespace holdfast::serve
