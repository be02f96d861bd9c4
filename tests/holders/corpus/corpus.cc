// A program that holds blocks in each of the ways programs do, to be asked who holds them. Each kind's blocks
// come from a function of its own, make_<kind>. Prints its heap endpoint, then holds everything until
// standard input ends.
#include <holdfast/holdfast.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <any>
#include <atomic>
#include <coroutine>
#include <cstdio>
#include <cstring>
#include <deque>
#include <forward_list>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

namespace {

constexpr int kBlocks = 40;
constexpr std::size_t kBytes = 3000;
using Buffer = std::unique_ptr<char[]>;

}  // namespace

// Exported, so that sites keep their names in a stripped program.
#define MAKER(kind)                                                                              \
  extern "C" __attribute__((noinline, visibility("default"))) char* make_##kind(std::size_t n) { \
    char* p = new char[kBytes + n % 7];                                                          \
    std::memset(p, 1, kBytes);                                                                   \
    return p;                                                                                    \
  }
MAKER(unordered_map)
MAKER(map)
MAKER(vector)
MAKER(list)
MAKER(forward_list)
MAKER(deque)
MAKER(function)
MAKER(cycle)
MAKER(listener)
MAKER(coroutine)
MAKER(thread_stack)
MAKER(thread_local)
MAKER(intrusive)
MAKER(any)
MAKER(arena)
MAKER(virtual_class)
MAKER(lost)

namespace {

std::unordered_map<std::string, Buffer> held_unordered_map;
std::map<int, Buffer> held_map;
std::vector<Buffer> held_vector;
std::list<Buffer> held_list;
std::forward_list<Buffer> held_forward_list;
std::deque<Buffer> held_deque;

struct Router {
  std::map<int, std::function<std::size_t()>> routes;
} held_router;

struct Session {
  std::function<void()> on_close;
  Buffer inbuf;
};

struct Bus {
  std::vector<std::function<std::size_t(int)>> listeners;
} held_bus;
struct Context {
  Buffer data;
};

struct Task {
  struct promise_type {
    Task get_return_object() { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_always final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() {}
  };
  std::coroutine_handle<promise_type> handle;
};
struct Upstream {
  std::vector<std::coroutine_handle<>> waiters;
} held_upstream;
struct Parked {
  bool await_ready() { return false; }
  void await_suspend(std::coroutine_handle<> handle) { held_upstream.waiters.push_back(handle); }
  void await_resume() {}
};
Task fetch_upstream(std::size_t n) {
  Buffer mine(make_coroutine(n));
  co_await Parked();
  mine.reset();
}

struct IntrusiveNode {
  IntrusiveNode* next = nullptr;
  char* payload = nullptr;
} held_intrusive;

std::vector<std::any> held_any;

struct Arena {
  char** slots = nullptr;
} held_arena;

struct Shape {
  virtual ~Shape() = default;
  virtual int sides() const = 0;
};
struct Square : Shape {
  explicit Square(char* p) : pixels(p) {}
  int sides() const override { return 4; }
  Buffer pixels;
};
std::vector<std::unique_ptr<Shape>> held_shapes;

thread_local std::vector<Buffer> held_thread_local;

std::atomic<int> g_ready{0};
std::atomic<bool> g_end{false};

void wait_for_end() {
  ++g_ready;
  g_ready.notify_all();
  g_end.wait(false);
}

[[gnu::noinline]] void worker_loop() {
  prctl(PR_SET_NAME, "stack-holder");
  char* volatile mine[kBlocks];
  for (std::size_t i = 0; i < kBlocks; ++i) mine[i] = make_thread_stack(i);
  wait_for_end();
  for (char* p : mine) delete[] p;
}

[[gnu::noinline]] void tls_loop() {
  prctl(PR_SET_NAME, "tls-holder");
  for (std::size_t i = 0; i < kBlocks; ++i) held_thread_local.emplace_back(make_thread_local(i));
  wait_for_end();
  held_thread_local.clear();
}

// On a thread that ends, so that no stale word stays on a living stack.
void fill() {
  held_arena.slots =
      static_cast<char**>(mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  for (std::size_t i = 0; i < kBlocks; ++i) {
    held_unordered_map["/key/with/a/long/name/" + std::to_string(i)] = Buffer(make_unordered_map(i));
    held_map[static_cast<int>(i)] = Buffer(make_map(i));
    held_vector.emplace_back(make_vector(i));
    held_list.emplace_back(make_list(i));
    held_forward_list.emplace_front(make_forward_list(i));
    held_deque.emplace_back(make_deque(i));
    held_router.routes[static_cast<int>(i)] = [b = std::shared_ptr<char[]>(make_function(i)), i] {
      return b[0] + i;
    };
    auto session = std::make_shared<Session>();
    session->inbuf = Buffer(make_cycle(i));
    session->on_close = [session] { session->inbuf.reset(); };
    auto context = std::make_shared<Context>();
    context->data = Buffer(make_listener(i));
    held_bus.listeners.push_back([context](int n) { return context->data[0] + static_cast<std::size_t>(n); });
    (void)fetch_upstream(i);
    auto* node = new IntrusiveNode{held_intrusive.next, make_intrusive(i)};
    held_intrusive.next = node;
    held_any.emplace_back(std::string(40, 'x'));
    held_any.emplace_back(std::shared_ptr<char[]>(make_any(i)));
    held_arena.slots[i] = make_arena(i);
    held_shapes.push_back(std::make_unique<Square>(make_virtual_class(i)));
    volatile char first = make_lost(i)[0];
    (void)first;
  }
}

}  // namespace

int main(int argc, char** argv) {
  holdfast::Options options{.listen = "127.0.0.1:0"};
  options.exact = argc < 2 || std::strcmp(argv[1], "--sampled") != 0;
  if (!options.exact) options.interval_bytes = 2000;
  if (argc > 2 && std::strcmp(argv[2], "--not-dumpable") == 0) prctl(PR_SET_DUMPABLE, 0);
  auto heap = holdfast::Session::open(options);
  if (!heap) {
    std::fprintf(stderr, "%s\n", heap.error().what.c_str());
    return 2;
  }
  std::thread(fill).join();
  std::thread stack(worker_loop);
  std::thread tls(tls_loop);
  while (g_ready < 2) g_ready.wait(g_ready);
  std::printf("%s\n", heap->address().c_str());
  std::fflush(stdout);
  char byte = 0;
  while (read(STDIN_FILENO, &byte, 1) > 0) {
  }
  g_end = true;
  g_end.notify_all();
  stack.join();
  tls.join();
  return 0;
}
