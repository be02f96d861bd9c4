// usage: stress SECONDS THREADS exact|sampled PLUGIN
#include <holdfast/holdfast.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "stress.h"

namespace holdfast::stress {

Done g_done;

void fail(const std::string& what) {
  std::fprintf(stderr, "stress: %s\n", what.c_str());
  _exit(1);
}

namespace {

void run(const Load& load, int count) {
  std::vector<std::thread> threads;
  threads.emplace_back([&] { send_signals(load); });
  threads.emplace_back([&] { take_snapshots(load); });
  threads.emplace_back([&] { open_and_close_plugins(load); });
  threads.emplace_back([&] { open_and_close_plugins(load); });
  for (std::uint64_t i = 0; i < 4; ++i) threads.emplace_back([&, i] { fork_and_exec(load, i + 1); });
  for (int i = 0; i < 4; ++i) threads.emplace_back([&] { churn_threads(load); });
  if (!load.exact) threads.emplace_back([&] { change_intervals(load); });
  for (std::uint64_t i = threads.size(); i < static_cast<std::uint64_t>(count); ++i) {
    threads.emplace_back([&, i] { churn_blocks(load, i); });
  }
  for (std::thread& t : threads) t.join();
}

void tell() {
  const auto line = [](const char* what, const std::atomic<std::uint64_t>& n) {
    std::printf("  %-28s %llu\n", what, static_cast<unsigned long long>(n.load()));
  };
  line("blocks allocated and freed", g_done.blocks);
  line("threads come and gone", g_done.threads);
  line("forks", g_done.forks);
  line("spawns by vfork", g_done.spawns);
  line("plugins opened and closed", g_done.plugins);
  line("signals handled", g_done.signals);
  line("exceptions thrown", g_done.throws);
  line("starts and new intervals", g_done.changes);
  line("snapshots", g_done.snapshots);
}

}  // namespace
}  // namespace holdfast::stress

int main(int argc, char** argv) {
  using namespace holdfast;
  using namespace holdfast::stress;
  if (argc != 5) fail("usage: stress SECONDS THREADS exact|sampled PLUGIN");
  const int seconds = std::atoi(argv[1]);
  alarm(static_cast<unsigned>(seconds) + 150);  // a hang ends in SIGALRM
  Load load;
  load.exact = std::string(argv[3]) == "exact";
  load.plugin = argv[4];
  load.end = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
  auto session = Session::open({.interval_bytes = 16 * 1024, .exact = load.exact});
  if (!session) fail(session.error().what);
  run(load, std::atoi(argv[2]));
  check_books(load.exact, Books::whole);
  free_all_blocks();
  check_books(load.exact, Books::whole);
  if (const auto profile = session->heap_profile(); !profile) fail(profile.error().what);
  std::printf("stress: %s, %d s, the books are right\n", argv[3], seconds);
  tell();
}
