// object_pool, a control: buffers of 64 KiB come from a pool and go back to it. The pool makes one more
// whenever it is empty, keeps at most 16 idle ones, and lets go of those that nobody needed for a while.
#include <memory>
#include <mutex>

#include "scenarios/common/story.h"

namespace {

using holdfast::scenarios::Settings;

constexpr std::size_t kBufferBytes = 64 * 1024;
constexpr std::size_t kMostIdle = 16;

using Buffer = std::vector<char>;

class Pool {
 public:
  [[gnu::noinline]] std::unique_ptr<Buffer> take() {
    {
      const std::lock_guard lock(mutex_);
      if (!idle_.empty()) {
        auto buffer = std::move(idle_.back());
        idle_.pop_back();
        return buffer;
      }
    }
    return std::make_unique<Buffer>(kBufferBytes);
  }

  void give_back(std::unique_ptr<Buffer> buffer) {
    const std::lock_guard lock(mutex_);
    if (idle_.size() < kMostIdle) idle_.push_back(std::move(buffer));
    if (++returned_ % 128 == 0) idle_.resize(idle_.size() / 2);
  }

 private:
  std::mutex mutex_;
  std::vector<std::unique_ptr<Buffer>> idle_;
  std::uint64_t returned_ = 0;
};

Pool pool;

void encode(const httplib::Request& request, httplib::Response& response) {
  std::vector<std::unique_ptr<Buffer>> buffers;
  for (std::size_t i = 0; i <= request.body.size() % 8; ++i) buffers.push_back(pool.take());
  for (std::size_t i = 0; i < request.body.size(); ++i)
    (*buffers[i % buffers.size()])[i % kBufferBytes] = request.body[i];
  response.set_content(buffers[0]->data(), std::min<std::size_t>(request.body.size(), 100), "text/plain");
  for (auto& buffer : buffers) pool.give_back(std::move(buffer));
}

void add_routes(const Settings&, httplib::Server& server) { server.Post("/encodings", encode); }

}  // namespace

int main(int argc, char** argv) {
  return holdfast::scenarios::run(argc, argv,
                                  {.about = "Buffers that are used again: not a leak.", .open = add_routes});
}
