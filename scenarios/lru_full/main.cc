// lru_full, a control: a bounded LRU cache of rendered pages, full from the start and turning over. Pages
// come and go at every moment, a few popular ones stay for good, and nothing leaks.
#include <list>
#include <mutex>
#include <nlohmann/json.hpp>
#include <unordered_map>

#include "scenarios/common/story.h"

namespace {

using holdfast::scenarios::Settings;
using holdfast::scenarios::Truth;

constexpr std::size_t kPages = 64;  // the cache's bound

// A page of 4 to 12 KiB; its text follows from its key and an optional note of the last writer.
[[gnu::noinline]] std::string render_page(std::uint64_t key, const std::string& note) {
  nlohmann::json page = {{"key", key}, {"note", note}, {"lines", nlohmann::json::array()}};
  const std::size_t lines = 48 + key * 7919 % 96;
  for (std::size_t i = 0; i < lines; ++i) {
    page["lines"].push_back("line " + std::to_string(i) + " of page " + std::to_string(key) +
                            std::string(48, '.'));
  }
  return page.dump();
}

class LruCache {
 public:
  // A copy of the page, rendered first when the cache does not have it.
  std::string get(std::uint64_t key) {
    const std::lock_guard lock(mutex_);
    if (const auto found = index_.find(key); found != index_.end()) {
      pages_.splice(pages_.begin(), pages_, found->second);
      return found->second->text;
    }
    return insert(key, render_page(key, ""));
  }

  void put(std::uint64_t key, const std::string& note) {
    const std::lock_guard lock(mutex_);
    if (const auto found = index_.find(key); found != index_.end()) {
      pages_.erase(found->second);
      index_.erase(found);
    }
    insert(key, render_page(key, note));
  }

  Truth truth() {
    const std::lock_guard lock(mutex_);
    Truth held{.objects = pages_.size()};
    for (const Page& page : pages_) held.bytes += page.text.capacity() + 1;
    return held;
  }

 private:
  struct Page {
    std::uint64_t key;
    std::string text;
  };

  const std::string& insert(std::uint64_t key, std::string text) {
    pages_.push_front({key, std::move(text)});
    index_[key] = pages_.begin();
    if (pages_.size() > kPages) {
      index_.erase(pages_.back().key);
      pages_.pop_back();
    }
    return pages_.front().text;
  }

  std::mutex mutex_;
  std::list<Page> pages_;  // most recently used first
  std::unordered_map<std::uint64_t, std::list<Page>::iterator> index_;
};

LruCache cache;

void add_routes(const Settings&, httplib::Server& server) {
  for (std::uint64_t key = 0; key < kPages; ++key) cache.get(key);
  server.Get(R"(/pages/(\d{1,9}))", [](const httplib::Request& request, httplib::Response& response) {
    response.set_content(cache.get(std::stoul(request.matches[1])), "application/json");
  });
  server.Put(R"(/pages/(\d{1,9}))", [](const httplib::Request& request, httplib::Response& response) {
    cache.put(std::stoul(request.matches[1]), request.body);
    response.status = 204;
  });
}

Truth truth() { return cache.truth(); }

}  // namespace

int main(int argc, char** argv) {
  return holdfast::scenarios::run(argc, argv,
                                  {.about = "A bounded LRU cache, full and turning over: not a leak.",
                                   .open = add_routes,
                                   .truth = truth});
}
