// lru_filling, which no data can decide: an LRU cache with room for far more pages than the traffic has
// brought so far. Until it is full it only grows, as a leak does. Whoever knows its bound can declare it.
#include <list>
#include <mutex>
#include <unordered_map>

#include "scenarios/common/story.h"

namespace {

using holdfast::scenarios::Held;
using holdfast::scenarios::Settings;

constexpr std::size_t kPages = 100'000;  // the cache's bound

struct Page {
  std::uint64_t key;
  std::string text;
};

std::mutex mutex;
std::list<Page> pages;  // most recently used first
std::unordered_map<std::uint64_t, std::list<Page>::iterator> by_key;
Held held;

// What grows.
[[gnu::noinline]] const std::string& insert_page(std::uint64_t key) {
  pages.push_front({key, "page " + std::to_string(key) + std::string(8000, '.')});
  by_key[key] = pages.begin();
  held.add(pages.front().text.capacity() + 1);
  if (pages.size() > kPages) {
    held.remove(pages.back().text.capacity() + 1);
    by_key.erase(pages.back().key);
    pages.pop_back();
  }
  return pages.front().text;
}

std::string get(std::uint64_t key) {
  const std::lock_guard lock(mutex);
  const auto known = by_key.find(key);
  if (known == by_key.end()) return insert_page(key);
  pages.splice(pages.begin(), pages, known->second);
  return known->second->text;
}

void add_routes(const Settings&, httplib::Server& server) {
  server.Get(R"(/pages/(\d{1,9}))", [](const httplib::Request& request, httplib::Response& response) {
    response.set_content(get(std::stoul(request.matches[1])), "text/plain");
  });
}

}  // namespace

int main(int argc, char** argv) {
  return holdfast::scenarios::run(
      argc, argv,
      {.about = "A cache that is still filling: undecidable, unless its bound is declared.",
       .open = add_routes,
       .truth = [] { return held.truth(); }});
}
