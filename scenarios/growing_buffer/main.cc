// growing_buffer: the audit log is one string in memory, to be written "at shutdown". It has one buffer,
// which doubles now and then: a single, young object, however much it holds.
#include <mutex>

#include "scenarios/common/story.h"

namespace {

using holdfast::scenarios::Settings;
using holdfast::scenarios::Truth;

std::mutex mutex;
std::string audit_log;

// The growing site.
[[gnu::noinline]] void append_audit(const std::string& path, const std::string& body) {
  const std::lock_guard lock(mutex);
  audit_log += path + ": " + body + "\n";
}

void add_routes(const Settings&, httplib::Server& server) {
  server.Post(R"(/changes/\d+)", [](const httplib::Request& request, httplib::Response& response) {
    append_audit(request.path, request.body);
    response.status = 204;
  });
}

Truth truth() {
  const std::lock_guard lock(mutex);
  return {.objects = 1, .bytes = audit_log.size()};
}

}  // namespace

int main(int argc, char** argv) {
  return holdfast::scenarios::run(argc, argv,
                                  {.about = "One buffer that doubles for ever: a growing container.",
                                   .open = add_routes,
                                   .truth = truth});
}
