// The start of libholdfast_preload.so in a program that knows nothing of it: just before main, read the
// environment that `holdfast run` sets, and if this process is to be recorded load libholdfast_session.so,
// which opens the session. Any trouble is said once on stderr; the program runs on unprofiled.
#include <dlfcn.h>
#include <limits.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "hook/real.h"
#include "record/thread_state.h"

namespace {

using holdfast::record::QuietScope;

void say(const char* what, const char* detail) noexcept {
  char line[1024];
  const int n =
      std::snprintf(line, sizeof(line), "holdfast: %s%s; the program runs on unprofiled\n", what, detail);
  if (n > 0) {
    const auto size =
        static_cast<std::size_t>(n) < sizeof(line) ? static_cast<std::size_t>(n) : sizeof(line) - 1;
    [[maybe_unused]] const auto written = write(STDERR_FILENO, line, size);
  }
}

const char* environment(const char* name) noexcept {
  const char* value = std::getenv(name);
  return value != nullptr && *value != '\0' ? value : nullptr;
}

// Whether this is the program that `holdfast run` was asked to run, and not a child it started: exec keeps
// the pid.
bool is_the_program() noexcept {
  const char* pid = environment("HOLDFAST_RUN_PID");
  return pid == nullptr || std::strtol(pid, nullptr, 10) == getpid();
}

using SessionCall = void (*)();
SessionCall g_before_exit = nullptr;

SessionCall look_up(void* library, const char* symbol) noexcept {
  void* address = dlsym(library, symbol);
  SessionCall call = nullptr;
  std::memcpy(&call, &address, sizeof(address));
  return call;
}

// libholdfast_session.so lies beside this library.
void* load_session() noexcept {
  Dl_info self;
  if (dladdr(reinterpret_cast<void*>(&load_session), &self) == 0 || self.dli_fname == nullptr) return nullptr;
  char path[PATH_MAX];
  const char* slash = std::strrchr(self.dli_fname, '/');
  const int folder = slash == nullptr ? 0 : static_cast<int>(slash - self.dli_fname + 1);
  const int n = std::snprintf(path, sizeof(path), "%.*slibholdfast_session.so", folder, self.dli_fname);
  if (n <= 0 || static_cast<std::size_t>(n) >= sizeof(path)) return nullptr;
  return dlopen(path, RTLD_NOW | RTLD_LOCAL);
}

void open_session() noexcept {
  if (const char* off = environment("HOLDFAST_OFF"); off != nullptr && std::strcmp(off, "0") != 0) return;
  const bool dumps = environment("HOLDFAST_DUMP_DIR") != nullptr;
  const bool shows = environment("HOLDFAST_LISTEN") != nullptr || environment("HOLDFAST_TRACE") != nullptr;
  // A child has nobody to ask it unless it leaves a dump: it stays unrecorded, and costs nothing.
  if (!dumps && !(is_the_program() && shows)) return;
  const QuietScope quiet;
  void* library = load_session();
  if (library == nullptr) {
    say("cannot load libholdfast_session.so: ", dlerror());
    return;
  }
  const SessionCall open = look_up(library, "holdfast_preload_open");
  g_before_exit = look_up(library, "holdfast_preload_before_exit");
  if (open != nullptr) open();
}

void before_exit() noexcept {
  if (g_before_exit != nullptr) g_before_exit();
}

using Main = int (*)(int, char**, char**);
Main g_main = nullptr;

// Around main: the session opens after the program's own static constructors, and what is still in use is
// looked at before its static destructors free it.
int main_with_session(int argc, char** argv, char** envp) {
  open_session();
  const int code = g_main(argc, argv, envp);
  before_exit();
  return code;
}

template <typename F>
F next(const char* symbol) noexcept {
  void* address = dlsym(RTLD_NEXT, symbol);
  F function = nullptr;
  std::memcpy(&function, &address, sizeof(address));
  return function;
}

}  // namespace

#define HOLDFAST_EXPORT extern "C" __attribute__((visibility("default")))

HOLDFAST_EXPORT int __libc_start_main(Main main, int argc, char** argv, void (*init)(), void (*fini)(),
                                      void (*rtld_fini)(), void* stack_end) {
  using Start = int (*)(Main, int, char**, void (*)(), void (*)(), void (*)(), void*);
  g_main = main;
  return next<Start>("__libc_start_main")(main_with_session, argc, argv, init, fini, rtld_fini, stack_end);
}

// Not _exit: it must stay safe in signal handlers and after vfork.
HOLDFAST_EXPORT [[noreturn]] void exit(int code) {
  before_exit();
  next<void (*)(int)>("exit")(code);
  __builtin_unreachable();
}
