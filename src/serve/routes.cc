#include "serve/routes.h"

#include <exception>
#include <utility>

#include "serve/index_page.h"
#include "serve/symbol_route.h"

namespace holdfast::serve {
namespace {

bool is_symbol_path(const std::string& path) {
  return path == "/debug/pprof/symbol" || path == "/pprof/symbol";
}

}  // namespace

Response Routes::handle(const Request& request) noexcept {
  try {
    return dispatch(request);
  } catch (const std::exception& e) {
    try {
      return refuse(500, std::string("the profile could not be made: ") + e.what());
    } catch (...) {
      return {500, {}, {}};
    }
  }
}

Response Routes::dispatch(const Request& request) {
  const bool is_get = request.method == "GET" || request.method == "HEAD";
  const bool is_post = request.method == "POST";
  if (is_get || is_post) {
    if (const Route* route = find(request.path, is_post)) return answer(*route, request);
  }
  if (is_symbol_path(request.path) && (is_get || is_post))
    return text(200, symbol_answer(request, sources_.names));
  if (!is_get || find(request.path, true)) return refuse_method(request);
  return built_in(request);
}

Response Routes::built_in(const Request& request) {
  const std::string& path = request.path;
  if (path == "/debug/pprof/") return index(request);
  if (path == "/" || path == "/debug/pprof") return {302, {{"Location", "/debug/pprof/"}}, {}};
  if (path == "/debug/pprof/heap") return heap_.heap(request, "inuse_space");
  if (path == "/debug/pprof/allocs") return heap_.heap(request, "alloc_space");
  if (path == "/debug/pprof/delta_heap") return heap_.delta(request);
  if (path == "/pprof/heap") return heap_.text();
  if (path == "/debug/pprof/cmdline" || path == "/pprof/cmdline") return command_line();
  if (path == "/debug/pprof/profile") return cpu_.answer(request, false);
  if (path == "/pprof/profile") return cpu_.answer(request, true);
  return refuse(404,
                "unknown path " + path + "; the heap is at /debug/pprof/heap, an overview at /debug/pprof/");
}

const Route* Routes::find(const std::string& path, bool is_post) const {
  for (const Route& route : sources_.more) {
    if (route.path == path && route.is_post == is_post) return &route;
  }
  return nullptr;
}

Response Routes::answer(const Route& route, const Request& request) {
  return route.collects ? heap_.in_turn(route, request) : route.answer(request);
}

Response Routes::refuse_method(const Request& request) const {
  const bool has_post = is_symbol_path(request.path) || find(request.path, true);
  const bool has_get = is_symbol_path(request.path) || !has_post || find(request.path, false);
  Response response =
      refuse(405, request.method + " is not answered here; use " + (has_get ? "GET" : "POST"));
  response.headers.emplace_back("Allow", !has_post ? "GET, HEAD" : has_get ? "GET, HEAD, POST" : "POST");
  return response;
}

Response Routes::index(const Request& request) const {
  return {200,
          {{"Content-Type", "text/html; charset=utf-8"},
           {"X-Content-Type-Options", "nosniff"},
           {"Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'"},
           {"X-Frame-Options", "DENY"}},
          index_page(sources_.facts(), sources_.more, request.header("host"))};
}

Response Routes::command_line() const {
  std::string arguments = sources_.command_line();
  while (!arguments.empty() && arguments.back() == '\0') arguments.pop_back();
  return text(200, std::move(arguments));
}

}  // namespace holdfast::serve
