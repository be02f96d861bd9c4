// Burns CPU in a function with a name, with gperftools' profiler linked in. Prints the endpoint's URL, ends
// with its standard input.
#include <holdfast/holdfast.h>

#include <atomic>
#include <cstdio>
#include <thread>

namespace {

std::atomic<bool> g_done{false};

}  // namespace

[[gnu::noinline]] void burns_cpu() {
  for (volatile unsigned i = 0; !g_done;) i = i + 1;
}

int main() {
  auto heap = holdfast::Session::open({.listen = "127.0.0.1:0"});
  if (!heap) return 1;
  std::printf("%s\n", heap->address().c_str());
  std::fflush(stdout);
  std::thread burning(burns_cpu);
  while (std::getchar() != EOF) {
  }
  g_done = true;
  burning.join();
  return 0;
}
