// Processes: fork and its kin, exec, other users, closed descriptors.
#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <atomic>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "hazard.h"

extern char** environ;

namespace {

using holdfast::hazards::exercise_malloc;
using holdfast::hazards::expect_exit;

HAZARD(fork_while_threads_allocate) {
  std::atomic<bool> done{false};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&done] {
      for (std::size_t n = 1; !done; n = n * 5 % 60'000 + 1) std::free(std::malloc(n));
    });
  }
  for (int i = 0; i < 30; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      alarm(60);
      exercise_malloc();
      // A child of the child, and threads in it.
      const pid_t grandchild = fork();
      if (grandchild == 0) {
        std::thread(exercise_malloc).join();
        _exit(4);
      }
      expect_exit(grandchild, 4);
      _exit(5);
    }
    expect_exit(child, 5);
  }
  done = true;
  for (std::thread& t : threads) t.join();
}

// Handlers registered before Holdfast's run while its locks are held; those registered later run before that.
void* g_in_handlers[6];
void allocate_in_handler(int i) {
  for (std::size_t n = 1; n < 100'000; n = n * 3 + 1) {
    void* p = std::malloc(n);
    std::free(g_in_handlers[i]);
    g_in_handlers[i] = p;
  }
}
[[gnu::constructor(101)]] void register_early() {
  pthread_atfork([] { allocate_in_handler(0); }, [] { allocate_in_handler(1); },
                 [] { allocate_in_handler(2); });
}

HAZARD(fork_handlers_that_allocate) {
  EXPECT(pthread_atfork([] { allocate_in_handler(3); }, [] { allocate_in_handler(4); },
                        [] { allocate_in_handler(5); }) == 0);
  for (int i = 0; i < 20; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      exercise_malloc();
      _exit(5);
    }
    expect_exit(child, 5);
  }
}

HAZARD(vfork_and_exec) {
  for (int i = 0; i < 20; ++i) {
    const pid_t child = vfork();
    if (child == 0) {
      execl("/bin/sh", "sh", "-c", "exit 6", static_cast<char*>(nullptr));
      _exit(9);
    }
    expect_exit(child, 6);
  }
}

HAZARD(posix_spawn_and_popen_and_system) {
  for (int i = 0; i < 10; ++i) {
    pid_t child = 0;
    char name[] = "sh", flag[] = "-c", text[] = "exit 7";
    char* arguments[] = {name, flag, text, nullptr};
    EXPECT(posix_spawnp(&child, "sh", nullptr, nullptr, arguments, environ) == 0);
    expect_exit(child, 7);
    EXPECT(WEXITSTATUS(std::system("exit 8")) == 8);
    std::FILE* pipe = popen("echo spoken", "r");
    char line[32] = {};
    EXPECT(pipe != nullptr && std::fgets(line, sizeof line, pipe) != nullptr &&
           std::string(line) == "spoken\n");
    EXPECT(pclose(pipe) == 0);
  }
}

HAZARD(exec_of_itself) {
  const std::string self = std::string(holdfast::hazards::own_folder()) + "/" + program_invocation_short_name;
  std::thread([] { exercise_malloc(); }).join();
  std::fflush(stdout);
  execl(self.c_str(), program_invocation_short_name, "zero_bytes", static_cast<char*>(nullptr));
}

HAZARD(another_user_from_here_on) {
  if (geteuid() == 0) {
    EXPECT(setgroups(0, nullptr) == 0);
    EXPECT(setgid(65534) == 0 && setuid(65534) == 0);
  }
  EXPECT(prctl(PR_SET_DUMPABLE, 0) == 0);
  exercise_malloc();
  std::thread([] { exercise_malloc(); }).join();
  const pid_t child = fork();
  if (child == 0) {
    exercise_malloc();
    _exit(0);
  }
  expect_exit(child, 0);
}

// What daemons do: every descriptor they do not know is closed, and the numbers are used again.
HAZARD(a_daemon_that_closes_all_descriptors) {
  for (int fd = 3; fd < 1024; ++fd) close(fd);
  int pair[2];
  EXPECT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0);
  for (int i = 0; i < 30; ++i) EXPECT(dup(pair[0]) > 2);
  const pid_t child = fork();
  if (child == 0) {
    setsid();
    EXPECT(chdir("/") == 0);
    exercise_malloc();
    _exit(0);
  }
  expect_exit(child, 0);
  exercise_malloc();
  // Nobody else reads what the program sends itself.
  EXPECT(write(pair[1], "mine", 4) == 4);
  char text[8] = {};
  EXPECT(read(pair[0], text, sizeof text) == 4 && std::string(text) == "mine");
  for (int fd = 3; fd < 64; ++fd) close(fd);
}

}  // namespace
