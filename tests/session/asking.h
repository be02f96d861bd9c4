// Requests to holdfast::handle() in one line, as tests of the session write them.
#pragma once

#include <holdfast/holdfast.h>

#include <string>
#include <vector>

namespace holdfast::testing {

inline HttpResponse ask(const std::string& target, const std::string& method = "GET") {
  return handle({.method = method, .target = target, .headers = {{"Host", "heap"}}});
}

inline std::string header(const HttpResponse& response, const std::string& name) {
  for (const auto& [known, value] : response.headers) {
    if (known == name) return value;
  }
  return {};
}

}  // namespace holdfast::testing
