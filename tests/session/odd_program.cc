// A program whose heap is hard to tell about: 20,000 sites, a template whose name takes 10 KB, a symbol that
// is not UTF-8, a plugin that was closed, and one whose file is gone.
//
//     odd_program CLOSED_PLUGIN DELETED_PLUGIN     prints the endpoint's URL, ends with its standard input
#include <dlfcn.h>
#include <holdfast/holdfast.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "support/many_sites.h"

namespace {

template <typename A, typename B>
struct PairOf {};
// Doubles the name with each step; the mangled one stays short.
template <int Depth>
struct Doubled {
  using Type = PairOf<typename Doubled<Depth - 1>::Type, typename Doubled<Depth - 1>::Type>;
};
template <>
struct Doubled<0> {
  using Type = int;
};

template <typename T>
[[gnu::noinline]] void* allocates_with_a_long_name(std::size_t size) {
  void* block = std::malloc(size);
  asm volatile("" ::"r"(block) : "memory");
  return block;
}

void* allocate_in_plugin(void* plugin, std::size_t size) {
  void* const symbol = ::dlsym(plugin, "plugin_allocates");
  void* (*allocate)(std::size_t) = nullptr;
  std::memcpy(&allocate, &symbol, sizeof allocate);
  return allocate(size);
}

}  // namespace

// Latin-1 in a symbol's name, as assemblers take it.
extern "C" __attribute__((noinline, visibility("default"))) void* latin(std::size_t size) asm(
    "allocates_f\xfcr_B\xe4r");
void* latin(std::size_t size) {
  void* block = std::malloc(size);
  asm volatile("" ::"r"(block) : "memory");
  return block;
}

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  auto heap = holdfast::Session::open({.listen = "127.0.0.1:0", .exact = true});
  if (!heap) {
    std::fprintf(stderr, "%s\n", heap.error().what.c_str());
    return 1;
  }
  for (int site = 0; site < holdfast::testing::kManySites; ++site) holdfast::testing::allocate_at(site, 40);
  allocates_with_a_long_name<Doubled<10>::Type>(2'000'000);
  latin(3'000'000);
  void* const closed = ::dlopen(argv[1], RTLD_NOW);
  void* const deleted = ::dlopen(argv[2], RTLD_NOW);
  if (closed == nullptr || deleted == nullptr) return 3;
  allocate_in_plugin(closed, 4'000'000);
  allocate_in_plugin(deleted, 5'000'000);
  ::dlclose(closed);
  if (::unlink(argv[2]) != 0) return 4;
  std::printf("%s\n", heap->address().c_str());
  std::fflush(stdout);
  while (std::getchar() != EOF) {
  }
  return 0;
}
