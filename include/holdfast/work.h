// Counting requests into the work clock without touching each handler.
#pragma once

#include <utility>

#include <holdfast/holdfast.h>

namespace holdfast {

// Counts one unit of work when it ends, however it ends.
class WorkScope {
 public:
  WorkScope() = default;
  WorkScope(const WorkScope&) = delete;
  WorkScope& operator=(const WorkScope&) = delete;
  ~WorkScope() { add_work(1); }
};

// Wraps a request handler: each call counts one unit of work once it is done, also when it throws. Give it any callable;
// what it takes and returns passes through unchanged.
//
//     server.Get("/", holdfast::counted([](const httplib::Request&, httplib::Response& response) { ... }));
template <typename Handler>
auto counted(Handler&& handler) {
  return [inner = std::forward<Handler>(handler)](auto&&... arguments) mutable -> decltype(auto) {
    const WorkScope done;
    return inner(std::forward<decltype(arguments)>(arguments)...);
  };
}

}  // namespace holdfast
