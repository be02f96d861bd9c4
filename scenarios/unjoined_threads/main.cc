// unjoined_threads, a leak: each import runs in a thread of its own, which finishes, and which nobody joins.
// Its stack stays mapped, outside the heap; of the heap it keeps no more than the few hundred bytes of its
// thread-local storage.
#include <pthread.h>

#include <array>
#include <cstdio>
#include <cstring>
#include <mutex>

#include "scenarios/common/story.h"

namespace {

using holdfast::scenarios::Held;
using holdfast::scenarios::Settings;

constexpr std::size_t kScratchBytes = 48 * 1024;  // of each thread's stack

std::mutex mutex;
std::vector<pthread_t> imports;
Held held;

void* import_file(void*) {
  std::array<char, kScratchBytes> scratch;
  std::memset(scratch.data(), 'i', scratch.size());
  asm volatile(""
               :
               : "r"(scratch.data())
               : "memory");  // the scratch space is used, whatever the optimiser thinks
  return nullptr;
}

// The leaking site.
[[gnu::noinline]] bool start_import() {
  pthread_t thread;
  if (pthread_create(&thread, nullptr, import_file, nullptr) != 0) return false;
  held.add(kScratchBytes);
  const std::lock_guard lock(mutex);
  imports.push_back(thread);
  return true;
}

void add_routes(const Settings&, httplib::Server& server) {
  server.Post("/imports", [](const httplib::Request&, httplib::Response& response) {
    response.status = start_import() ? 202 : 503;
  });
}

}  // namespace

int main(int argc, char** argv) {
  return holdfast::scenarios::run(
      argc, argv,
      {.about = "Threads that finish and are never joined: a leak of their stacks.",
       .open = add_routes,
       .truth = [] { return held.truth(); }});
}
