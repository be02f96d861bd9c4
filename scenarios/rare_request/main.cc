// rare_request, a leak: lookups come in batches, and one key in a thousand is of a kind whose 64 KiB document
// is kept in a global list after use. Counting everything shows it soon, sampling may not.
#include <mutex>
#include <sstream>

#include "scenarios/common/story.h"

namespace {

using holdfast::scenarios::Held;
using holdfast::scenarios::Settings;

constexpr std::size_t kDocumentBytes = 64 * 1024;

std::mutex mutex;
std::vector<std::string> archived;
Held held;

// The leaking site: what it loads goes to `archived` and never leaves.
[[gnu::noinline]] void archive(std::uint64_t key) {
  std::string document(kDocumentBytes, static_cast<char>('a' + key % 26));
  const std::lock_guard lock(mutex);
  archived.push_back(std::move(document));
  held.add(kDocumentBytes + 1);
}

[[gnu::noinline]] std::string look_up(std::uint64_t key) {
  if (key % 1000 == 999) archive(key);
  const std::string document = "title of document " + std::to_string(key) + '\n' + std::string(4000, '.');
  return document.substr(0, document.find('\n') + 1);
}

// The batch with number n looks up the keys from n * size on.
void look_up_batch(const httplib::Request& request, httplib::Response& response) {
  const std::uint64_t number = std::stoul(request.matches[1]), size = std::stoul(request.matches[2]);
  std::string titles;
  for (std::uint64_t key = number * size; key < (number + 1) * size; ++key) titles += look_up(key);
  response.set_content(titles, "text/plain");
}

void add_routes(const Settings&, httplib::Server& server) {
  server.Get(R"(/batches/(\d{1,9})/(\d{1,3}))", look_up_batch);
}

}  // namespace

int main(int argc, char** argv) {
  return holdfast::scenarios::run(argc, argv,
                                  {.about = "64 KiB kept once in a thousand lookups: a leak.",
                                   .open = add_routes,
                                   .truth = [] { return held.truth(); }});
}
