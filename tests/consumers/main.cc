// A server's smallest use of Holdfast, built by each of the consumer projects.
#include <cstdio>
#include <string>
#include <vector>

#include <holdfast/holdfast.h>

int main() {
  auto heap = holdfast::Session::open({.listen = "127.0.0.1:0", .exact = true});
  if (!heap) {
    std::fprintf(stderr, "%s; %s\n", heap.error().what.c_str(), heap.error().hint.c_str());
    return 1;
  }
  std::vector<std::string> kept(1000, std::string(1000, 'x'));
  holdfast::add_work(kept.size());
  const auto profile = heap->heap_profile();
  if (!profile || profile->size() < 100 || heap->address().rfind("http://127.0.0.1:", 0) != 0) return 2;
  if (holdfast::Session::open().ok()) return 3;  // one at a time
  heap->close();
  if (!holdfast::Session::open().ok()) return 4;
  std::puts("consumer works");
  return 0;
}
