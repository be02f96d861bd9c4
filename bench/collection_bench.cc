// What a collection costs a busy program: the longest pause of an allocating thread, the time to an answer,
// and the endpoint's own memory. Run by bench/collection; figures in docs/performance.md.
//
//     collection_bench pause  [--sites N] [--rounds N]    pauses and answers, every allocation counted
//     collection_bench memory [--heap MiB] [--off]        resident memory at the default interval; --off:
//     without a session
#include <arpa/inet.h>
#include <holdfast/holdfast.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "support/many_sites.h"

namespace {

using Clock = std::chrono::steady_clock;

using holdfast::testing::allocate_at;
using holdfast::testing::kManySites;

// --- A client that allocates nothing.

struct Answer {
  bool ok = false;
  std::size_t bytes = 0;
  double milliseconds = 0;
};

Answer ask(int port, const char* path) {
  Answer answer;
  const auto begin = Clock::now();
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  char text[65536];
  const int size = std::snprintf(text, sizeof text,
                                 "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", path);
  if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 &&
      ::send(fd, text, static_cast<std::size_t>(size), 0) == size) {
    for (ssize_t got; (got = ::recv(fd, text, sizeof text, 0)) > 0;) {
      if (answer.bytes == 0) answer.ok = std::strncmp(text, "HTTP/1.1 200", 12) == 0;
      answer.bytes += static_cast<std::size_t>(got);
    }
  }
  ::close(fd);
  answer.milliseconds = std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
  return answer;
}

// --- Threads that allocate all the time and note their longest pauses.

struct Pauses {
  double longest_us = 0;         // of all operations
  double longest_on_cpu_us = 0;  // of those during which the kernel did not take the CPU away
  std::uint64_t operations = 0;
  std::uint64_t over_1ms_on_cpu = 0;
};

class Allocators {
 public:
  explicit Allocators(int threads) : slots_(static_cast<std::size_t>(threads)) {
    for (int t = 0; t < threads; ++t) threads_.emplace_back([this, t] { run(t); });
  }
  ~Allocators() {
    done_ = true;
    for (std::thread& thread : threads_) thread.join();
  }
  Pauses watch(auto&& during) {
    ++epoch_;
    during();
    const std::uint32_t ended = ++epoch_;
    Pauses all;
    for (Slot& slot : slots_) {
      while (slot.seen.load() < ended) std::this_thread::yield();
      const Pauses& p = slot.last;
      all.longest_us = std::max(all.longest_us, p.longest_us);
      all.longest_on_cpu_us = std::max(all.longest_on_cpu_us, p.longest_on_cpu_us);
      all.operations += p.operations;
      all.over_1ms_on_cpu += p.over_1ms_on_cpu;
    }
    return all;
  }

 private:
  struct Slot {
    Pauses last;  // of the epoch that ended
    std::atomic<std::uint32_t> seen{0};
  };
  static long switches() {
    rusage usage = {};
    ::getrusage(RUSAGE_THREAD, &usage);
    return usage.ru_nivcsw + usage.ru_nvcsw;
  }
  void run(int t) {
    Pauses now;
    std::uint32_t epoch = 0;
    unsigned site = static_cast<unsigned>(t) * 7919;
    while (!done_) {
      const std::uint32_t current = epoch_.load(std::memory_order_relaxed);
      if (current != epoch) {
        slots_[static_cast<std::size_t>(t)].last = now;
        slots_[static_cast<std::size_t>(t)].seen = current;
        now = {};
        epoch = current;
      }
      const long before = switches();
      const auto begin = Clock::now();
      std::free(allocate_at(static_cast<int>(site % kManySites), 64));
      const double us = std::chrono::duration<double, std::micro>(Clock::now() - begin).count();
      site += 104729;
      ++now.operations;
      now.longest_us = std::max(now.longest_us, us);
      if (us > now.longest_on_cpu_us && switches() == before) {
        now.longest_on_cpu_us = us;
        now.over_1ms_on_cpu += us > 1000;
      }
    }
  }

  std::atomic<bool> done_{false};
  std::atomic<std::uint32_t> epoch_{0};
  std::vector<Slot> slots_;
  std::vector<std::thread> threads_;
};

double quantile(std::vector<double> values, double q) {
  std::ranges::sort(values);
  return values[static_cast<std::size_t>(q * static_cast<double>(values.size() - 1))];
}

int port_of(const holdfast::Session& session) {
  return std::atoi(session.address().substr(session.address().rfind(':') + 1).c_str());
}

long field_of_status(const std::string& name) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(name)) return std::atol(line.c_str() + name.size());
  }
  return 0;
}

double cpu_milliseconds() {
  rusage usage = {};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto ms = [](const timeval& t) {
    return 1e3 * static_cast<double>(t.tv_sec) + 1e-3 * static_cast<double>(t.tv_usec);
  };
  return ms(usage.ru_utime) + ms(usage.ru_stime);
}

int pause(int sites, int rounds) {
  auto session = holdfast::Session::open({.listen = "127.0.0.1:0", .exact = true});
  if (!session) {
    std::fprintf(stderr, "%s\n", session.error().what.c_str());
    return 1;
  }
  const int port = port_of(*session);
  std::vector<void*> kept;
  for (int i = 0; i < sites * 5; ++i) kept.push_back(allocate_at(i % sites, 100));
  Answer first = ask(port, "/debug/pprof/heap");
  std::vector<double> answers, pauses, pauses_on_cpu, quiet, quiet_on_cpu;
  {
    // One thread that allocates, one that collects: two cores.
    Allocators allocators(1);
    for (int i = 0; i < rounds; ++i) {
      Answer answer;
      const Pauses busy = allocators.watch([&] { answer = ask(port, "/debug/pprof/heap"); });
      if (!answer.ok) return 1;
      answers.push_back(answer.milliseconds);
      pauses.push_back(busy.longest_us);
      pauses_on_cpu.push_back(busy.longest_on_cpu_us);
      const auto time = std::chrono::duration<double, std::milli>(answer.milliseconds);
      const Pauses idle = allocators.watch([&] { std::this_thread::sleep_for(time); });
      quiet.push_back(idle.longest_us);
      quiet_on_cpu.push_back(idle.longest_on_cpu_us);
    }
  }
  std::vector<double> alone;
  const double cpu_before = cpu_milliseconds();
  for (int i = 0; i < rounds; ++i) alone.push_back(ask(port, "/debug/pprof/heap").milliseconds);
  const double cpu = (cpu_milliseconds() - cpu_before) / rounds;
  std::printf("%d sites, %zu live blocks, %d collections, profile of %zu bytes\n", sites, kept.size(), rounds,
              first.bytes);
  std::printf("answer, first (symbols read): %.0f ms\n", first.milliseconds);
  std::printf("answer, one thread allocating: median %.0f ms, 95%% %.0f ms, longest %.0f ms\n",
              quantile(answers, 0.5), quantile(answers, 0.95), quantile(answers, 1));
  std::printf("answer, program idle:          median %.0f ms, 95%% %.0f ms, longest %.0f ms\n",
              quantile(alone, 0.5), quantile(alone, 0.95), quantile(alone, 1));
  std::printf("CPU time of an answer, client included: %.0f ms\n", cpu);
  std::printf(
      "longest malloc+free of a round, on the CPU throughout: median %.0f us, longest %.0f us (without "
      "collections %.0f, %.0f us)\n",
      quantile(pauses_on_cpu, 0.5), quantile(pauses_on_cpu, 1), quantile(quiet_on_cpu, 0.5),
      quantile(quiet_on_cpu, 1));
  std::printf(
      "longest malloc+free of a round, kernel's switches included: median %.0f us, longest %.0f us (without "
      "collections %.0f, %.0f us)\n",
      quantile(pauses, 0.5), quantile(pauses, 1), quantile(quiet, 0.5), quantile(quiet, 1));
  for (void* block : kept) std::free(block);
  return quantile(pauses_on_cpu, 1) < 1000 && quantile(answers, 0.5) < 200 ? 0 : 3;
}

int memory(long heap_mib, bool off) {
  std::unique_ptr<holdfast::Session> session;
  int port = 0;
  if (!off) {
    auto opened = holdfast::Session::open({.listen = "127.0.0.1:0"});
    if (!opened) return 1;
    session = std::make_unique<holdfast::Session>(std::move(opened).value());
    port = port_of(*session);
  }
  const std::size_t size = 4000;
  std::vector<void*> kept;
  kept.reserve(static_cast<std::size_t>(heap_mib) * (1 << 20) / size);
  for (std::size_t i = 0; i < kept.capacity(); ++i) {
    kept.push_back(allocate_at(static_cast<int>(i % kManySites), size));
    std::memset(kept.back(), 1, size);
  }
  for (int i = 0; i < 20 && !off; ++i) {
    for (const char* path :
         {"/debug/pprof/heap", "/pprof/heap", "/debug/pprof/delta_heap?base=a", "/debug/pprof/"}) {
      if (!ask(port, path).ok) return 1;
    }
  }
  std::printf("VmHWM %ld kB, VmRSS %ld kB\n", field_of_status("VmHWM:"), field_of_status("VmRSS:"));
  for (void* block : kept) std::free(block);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  const auto number = [&](const std::string& name, long otherwise) {
    const auto at = std::ranges::find(words, name);
    return at == words.end() || at + 1 == words.end() ? otherwise : std::atol((at + 1)->c_str());
  };
  if (words.empty() || (words[0] != "pause" && words[0] != "memory")) {
    std::fprintf(stderr, "collection_bench pause [--sites N] [--rounds N] | memory [--heap MiB] [--off]\n");
    return 2;
  }
  if (words[0] == "pause")
    return pause(static_cast<int>(number("--sites", kManySites)), static_cast<int>(number("--rounds", 50)));
  return memory(number("--heap", 1024), std::ranges::find(words, "--off") != words.end());
}
