// context_map, a leak: each upload has a context in a global map, erased when the upload succeeds. One in a
// hundred fails, and its context stays. The site is so busy that of all it allocated only one percent is
// alive.
#include <map>
#include <memory>
#include <mutex>

#include "scenarios/common/story.h"

namespace {

using holdfast::scenarios::Held;
using holdfast::scenarios::Settings;

constexpr std::size_t kBufferBytes = 128 * 1024;

struct Context {
  std::vector<char> buffer;
};

std::mutex mutex;
std::map<std::uint64_t, std::unique_ptr<Context>> contexts;
Held held;

[[gnu::noinline]] std::unique_ptr<Context> make_context() {
  auto context = std::make_unique<Context>();
  context->buffer.resize(kBufferBytes);
  return context;
}

void upload(const httplib::Request& request, httplib::Response& response) {
  const std::uint64_t id = std::stoul(request.matches[1]);
  auto context = make_context();
  {
    const std::lock_guard lock(mutex);
    contexts[id] = std::move(context);
  }
  if (id % 100 == 0) {  // a checksum that does not match
    held.add(kBufferBytes);
    response.status = 422;
    return;  // without the line below: the leak
  }
  const std::lock_guard lock(mutex);
  contexts.erase(id);
  response.status = 204;
}

void add_routes(const Settings&, httplib::Server& server) { server.Put(R"(/uploads/(\d{1,9}))", upload); }

}  // namespace

int main(int argc, char** argv) {
  return holdfast::scenarios::run(argc, argv,
                                  {.about = "A context per upload, erased on success only: a leak.",
                                   .open = add_routes,
                                   .truth = [] { return held.truth(); }});
}
