// Threads, processes, plugins and signals that come and go.
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <thread>
#include <vector>

#include "hook/real.h"
#include "stress.h"

extern char** environ;

namespace holdfast::stress {
namespace {

// Who may be sent signals. Plain arrays: the sender must not allocate under the lock.
constexpr std::size_t kTargets = 256;
std::mutex g_targets_mutex;
pthread_t g_targets[kTargets];
std::size_t g_target_count = 0;

thread_local volatile int t_allocating __attribute__((tls_model("initial-exec"))) = 0;
thread_local volatile int t_in_handler __attribute__((tls_model("initial-exec"))) = 0;

void on_signal(int) {
  const int saved = errno;
  g_done.signals.fetch_add(1, std::memory_order_relaxed);
  if (t_allocating == 0 && t_in_handler == 0) {
    t_in_handler = 1;
    for (std::size_t n = 1; n < 100'000; n *= 10) std::free(std::malloc(n));
    t_in_handler = 0;
  }
  errno = saved;
}

// No fork inside dlopen: in the child gperftools would wait for the loader's lock for ever, whenever it grows
// its heap (it takes a stack by libunwind, which walks the loader's list). So it is without Holdfast too.
std::mutex g_loader_mutex;

char g_true[] = "/bin/true";
char* g_true_arguments[] = {g_true, nullptr};

void expect_success(pid_t child, const char* what) {
  int status = 0;
  if (waitpid(child, &status, 0) != child) fail(std::string("waitpid after ") + what);
  if (status != 0) {
    fail(std::string(what) + ": the child " +
         (WIFSIGNALED(status) ? "died of signal " + std::to_string(WTERMSIG(status))
                              : "ended with " + std::to_string(WEXITSTATUS(status))));
  }
}

void work_in_child(const Load& load, Dice& dice) {
  alarm(100);  // a child that hangs dies of it
  // A child of libtcmalloc may wait for ever where it grows its heap (see g_loader_mutex): another thread may have been
  // doing so too at the fork, inside the loader's lock. There the child only ends.
  if (std::strstr(hook::behind_file(), "libtcmalloc.so") == nullptr) {
    for (int i = 0; i < 20; ++i) free_some_blocks(dice);
    check_books(load.exact, Books::standing);
  }
  if (dice.roll(4) == 0) execv(g_true, g_true_arguments);
  _exit(0);
}

}  // namespace

Allocating::Allocating() { t_allocating = t_allocating + 1; }
Allocating::~Allocating() { t_allocating = t_allocating - 1; }

SignalTarget::SignalTarget() {
  const std::lock_guard lock(g_targets_mutex);
  if (g_target_count < kTargets) g_targets[g_target_count++] = pthread_self();
}

SignalTarget::~SignalTarget() {
  const std::lock_guard lock(g_targets_mutex);
  for (std::size_t i = 0; i < g_target_count; ++i) {
    if (pthread_equal(g_targets[i], pthread_self()) == 0) continue;
    g_targets[i] = g_targets[--g_target_count];
    return;
  }
}

void send_signals(const Load& load) {
  struct sigaction action = {};
  action.sa_handler = on_signal;
  action.sa_flags = SA_RESTART;
  sigaction(SIGUSR1, &action, nullptr);
  Dice dice(77);
  while (!load.over()) {
    {
      const std::lock_guard lock(g_targets_mutex);
      for (int i = 0; i < 4 && g_target_count != 0; ++i)
        pthread_kill(g_targets[dice.roll(g_target_count)], SIGUSR1);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));  // the pace of the signals
  }
}

void churn_threads(const Load& load) {
  for (std::uint64_t round = 0; !load.over(); ++round) {
    std::vector<std::thread> threads;
    for (std::uint64_t t = 0; t < 8; ++t) {
      threads.emplace_back([seed = round * 8 + t] {
        const SignalTarget target;
        Dice dice(seed);
        free_some_blocks(dice);
        g_done.threads.fetch_add(1, std::memory_order_relaxed);
      });
    }
    for (std::thread& t : threads) t.join();
  }
}

void fork_and_exec(const Load& load, std::uint64_t seed) {
  Dice dice(seed);
  while (!load.over()) {
    pid_t child = 0;
    switch (dice.roll(4)) {
      case 0:
        if (posix_spawn(&child, g_true, nullptr, nullptr, g_true_arguments, environ) != 0)
          fail("posix_spawn");
        expect_success(child, "posix_spawn");
        g_done.spawns.fetch_add(1, std::memory_order_relaxed);
        break;
      case 1:
        child = vfork();
        if (child == 0) {
          execv(g_true, g_true_arguments);
          _exit(9);
        }
        expect_success(child, "vfork");
        g_done.spawns.fetch_add(1, std::memory_order_relaxed);
        break;
      default: {
        const std::lock_guard lock(g_loader_mutex);
        child = fork();
      }
        if (child < 0) fail("fork");
        if (child == 0) work_in_child(load, dice);
        expect_success(child, "fork");
        g_done.forks.fetch_add(1, std::memory_order_relaxed);
    }
  }
}

void open_and_close_plugins(const Load& load) {
  using Take = void* (*)(std::size_t);
  while (!load.over()) {
    g_loader_mutex.lock();
    void* library = dlopen(load.plugin, RTLD_NOW | RTLD_LOCAL);
    g_loader_mutex.unlock();
    if (library == nullptr) fail(dlerror());
    const auto take = reinterpret_cast<Take>(dlsym(library, "take"));
    std::vector<void*> blocks;
    for (std::size_t n = 1; n < 200'000; n = n * 3 + 5) blocks.push_back(take(n));
    // The blocks outlive the code that allocated them.
    g_loader_mutex.lock();
    if (dlclose(library) != 0) fail(dlerror());
    g_loader_mutex.unlock();
    for (void* p : blocks) std::free(p);
    g_done.plugins.fetch_add(1, std::memory_order_relaxed);
  }
}

}  // namespace holdfast::stress
