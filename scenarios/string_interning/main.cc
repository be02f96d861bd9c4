// string_interning, a leak: names in queries are interned so that they compare fast. Some of the names are
// fresh in every request, and what is interned stays for ever.
#include <mutex>
#include <sstream>
#include <string_view>
#include <unordered_set>

#include "scenarios/common/story.h"

namespace {

using holdfast::scenarios::Held;
using holdfast::scenarios::Settings;

std::mutex mutex;
std::unordered_set<std::string> symbols;
Held held;

// The leaking site: the one copy of each name there ever was.
[[gnu::noinline]] const std::string& intern(const std::string& name) {
  const std::lock_guard lock(mutex);
  const auto [symbol, is_new] = symbols.insert(name);
  if (is_new) held.add(symbol->capacity() + 1);
  return *symbol;
}

// How many different names the query has.
std::size_t count_names(const std::string& query) {
  std::unordered_set<const std::string*> names;
  std::istringstream words(query);
  for (std::string word; words >> word;) names.insert(&intern(word));
  return names.size();
}

void add_routes(const Settings&, httplib::Server& server) {
  server.Post("/queries", [](const httplib::Request& request, httplib::Response& response) {
    response.set_content(std::to_string(count_names(request.body)), "text/plain");
  });
}

}  // namespace

int main(int argc, char** argv) {
  return holdfast::scenarios::run(
      argc, argv, {.about = "Fresh names interned for ever: a leak.", .open = add_routes, .truth = [] {
                     return held.truth();
                   }});
}
