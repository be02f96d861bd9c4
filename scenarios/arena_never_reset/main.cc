// arena_never_reset: the words of documents are copied into an arena that was meant to be reset after each
// request, and is not. The arena asks the heap for blocks that grow with each one: a few objects, of which
// the last is most.
#include <cstring>
#include <memory_resource>
#include <mutex>
#include <string_view>

#include "scenarios/common/story.h"

namespace {

using holdfast::scenarios::Settings;
using holdfast::scenarios::Truth;

std::mutex mutex;
std::pmr::monotonic_buffer_resource arena;
std::uint64_t bytes_parsed = 0;

// The growing site.
[[gnu::noinline]] std::string_view copy_into_arena(std::string_view word) {
  char* copy = static_cast<char*>(arena.allocate(word.size(), 1));
  std::memcpy(copy, word.data(), word.size());
  bytes_parsed += word.size();
  return {copy, word.size()};
}

// Counts words, in a vector of copies that nobody needs afterwards.
std::size_t parse(const std::string& text) {
  const std::lock_guard lock(mutex);
  std::vector<std::string_view> words;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find(' ', at), text.size());
    words.push_back(copy_into_arena(std::string_view(text).substr(at, end - at)));
    at = end + 1;
  }
  return words.size();
}

void add_routes(const Settings&, httplib::Server& server) {
  server.Post("/documents", [](const httplib::Request& request, httplib::Response& response) {
    response.set_content(std::to_string(parse(request.body)), "text/plain");
  });
}

Truth truth() {
  const std::lock_guard lock(mutex);
  return {.objects = 1, .bytes = bytes_parsed};
}

}  // namespace

int main(int argc, char** argv) {
  return holdfast::scenarios::run(
      argc, argv,
      {.about = "An arena that is never reset: a growing container.", .open = add_routes, .truth = truth});
}
