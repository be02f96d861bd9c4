// What the stress test loads and unloads: code of its own on the stacks of its blocks.
#include <cstdlib>
#include <string>

extern "C" __attribute__((visibility("default"))) void* take(std::size_t n) {
  static const std::string text(1000, 'p');  // freed by the unloading
  void* p = std::malloc(n);
  if (p != nullptr) *static_cast<char*>(p) = text[n % text.size()];
  return p;
}
