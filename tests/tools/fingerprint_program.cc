// Leaks through templates, lambdas, members and an unnamed namespace: built by two compilers, it is one
// program.
#include <cstdio>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>
namespace app {
namespace {
std::vector<std::unique_ptr<char[]>> kept;
std::map<std::string, std::function<void()>> routes;
template <typename T>
[[gnu::noinline]] void keep_all(std::vector<T>& into, std::size_t n) {
  into.push_back(std::make_unique<char[]>(n));
}
struct Router {
  [[gnu::noinline]] void add(const std::string& name, std::string body) {
    routes[name] = [body] { std::puts(body.c_str()); };
  }
  template <typename F>
  [[gnu::noinline]] void each(F f) const {
    for (int i = 0; i < 300; ++i) f(i);
  }
};
[[gnu::noinline]] void serve() {
  Router r;
  r.each([&](int i) {
    r.add("route" + std::to_string(i), std::string(500, 'x'));
    keep_all(kept, 1000);
  });
}
}  // namespace
}  // namespace app
int main() {
  app::serve();
  std::puts("done");
}
