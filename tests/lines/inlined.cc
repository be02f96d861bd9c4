// What add_lines_test.cc asks about: `here()` keeps its return address, from inside two inlined calls, one of
// them a lambda. The test knows the lines by the marks in their comments.
#include <string>

namespace {

struct Sink {
  void* address = nullptr;
};
Sink g_sink;

__attribute__((noinline)) void here(Sink& sink) {
  sink.address = __builtin_return_address(0);
  asm volatile("" ::: "memory");
}

__attribute__((always_inline)) inline void innermost(int depth) {
  here(g_sink);  // mark: innermost
  asm volatile("" ::"r"(depth));
}

}  // namespace

namespace shop {

class Cart {
 public:
  __attribute__((always_inline)) void put(int item) {
    innermost(item);  // mark: put
    ++items_;
  }

 private:
  int items_ = 0;
};

}  // namespace shop

extern "C" __attribute__((visibility("default"))) void* lines_of_inlined() {
  shop::Cart cart;
  cart.put(3);  // mark: outermost
  return g_sink.address;
}

extern "C" __attribute__((visibility("default"))) void* lines_of_lambda() {
  const auto add = [](int n) __attribute__((always_inline)) {
    innermost(n);  // mark: lambda
  };
  add(4);  // mark: caller
  return g_sink.address;
}
