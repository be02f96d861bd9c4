// usage: hazards CASE | hazards --list
#include <limits.h>
#include <malloc.h>
#include <sys/wait.h>

#include <cstdint>
#include <cstdlib>
#include <new>
#include <string>

#include "hazard.h"

namespace holdfast::hazards {
namespace {

constinit Registered* g_first = nullptr;

}  // namespace

Registered::Registered(const char* its_name, Case its_run) : name(its_name), run(its_run), next(g_first) {
  g_first = this;
}

void exercise_malloc() {
  for (std::size_t size = 1; size < 300'000; size = size * 3 + 1) {
    auto* a = static_cast<unsigned char*>(std::malloc(size));
    auto* b = static_cast<unsigned char*>(std::calloc(size, 1));
    auto* c = static_cast<unsigned char*>(::operator new(size));
    void* d = memalign(256, size);
    EXPECT(a != nullptr && b != nullptr && reinterpret_cast<std::uintptr_t>(d) % 256 == 0);
    std::memset(a, 1, size);
    std::memset(c, 3, size);
    EXPECT(b[0] == 0 && b[size - 1] == 0);
    a = static_cast<unsigned char*>(std::realloc(a, size * 2));
    EXPECT(a != nullptr && a[0] == 1 && a[size - 1] == 1 && c[size - 1] == 3);
    EXPECT(malloc_usable_size(a) >= size * 2);
    std::free(a);
    std::free(b);
    ::operator delete(c);
    std::free(d);
  }
}

void expect_exit(pid_t child, int code) {
  int status = 0;
  EXPECT(child > 0);
  EXPECT(waitpid(child, &status, 0) == child);
  if (WIFSIGNALED(status)) std::fprintf(stderr, "the child died of signal %d\n", WTERMSIG(status));
  EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == code);
}

const char* own_folder() {
  // Once, whichever thread comes first.
  static const std::string folder = [] {
    char path[PATH_MAX] = {};
    const ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
    EXPECT(n > 0);
    return std::string(path).substr(0, std::string(path).rfind('/'));
  }();
  return folder.c_str();
}

}  // namespace holdfast::hazards

int main(int argc, char** argv) {
  using namespace holdfast::hazards;
  if (argc != 2) return 2;
  alarm(100);  // a hang ends in SIGALRM
  for (const Registered* r = g_first; r != nullptr; r = r->next) {
    if (std::strcmp(argv[1], "--list") == 0) std::puts(r->name);
    if (std::strcmp(argv[1], r->name) != 0) continue;
    exercise_malloc();
    r->run();
    exercise_malloc();
    std::printf("%s: well\n", r->name);
    return 0;
  }
  return std::strcmp(argv[1], "--list") == 0 ? 0 : 2;
}
