// The endpoint's routes as a pure function: a request in, a response out, no sockets. Called on the
// endpoint's quiet threads; allocates. Shared by the built-in server and by programs that mount Holdfast in
// an HTTP server of their own.
#pragma once

#include <string>
#include <utility>

#include "serve/cpu_route.h"
#include "serve/heap_routes.h"
#include "serve/http.h"
#include "serve/sources.h"

namespace holdfast::serve {

class Routes {
 public:
  explicit Routes(Sources sources) : sources_(std::move(sources)), heap_(sources_), cpu_(sources_) {}
  Routes(const Routes&) = delete;
  Routes& operator=(const Routes&) = delete;

  // Never throws: what goes wrong becomes a status. One collection, one delta and one CPU profile at a time:
  // a second caller gets 429.
  Response handle(const Request& request) noexcept;

 private:
  Response dispatch(const Request& request);
  Response built_in(const Request& request);
  const Route* find(const std::string& path, bool is_post) const;
  Response answer(const Route& route, const Request& request);
  Response refuse_method(const Request& request) const;
  Response index(const Request& request) const;
  Response command_line() const;

  const Sources sources_;
  HeapRoutes heap_;
  CpuRoute cpu_;
};

}  // namespace holdfast::serve
