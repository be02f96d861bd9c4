// What a search for holders costs a program with a heap of the given size: CPU, wall time, own memory, and
// the longest gap that another thread sees, beside the gap it sees without a search. Usage: bench_holders
// MEGABYTES [ROUNDS]
#include <holdfast/holdfast.h>
#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "base/site_key.h"
#include "holders/ask.h"
#include "record/live_blocks.h"

namespace {

using Clock = std::chrono::steady_clock;
constexpr std::size_t kBlockBytes = 4000;
constexpr std::size_t kWanted = 1001;  // bytes of the blocks asked about

std::map<std::uint64_t, std::unique_ptr<char[]>> g_heap;
std::vector<std::unique_ptr<char[]>> g_wanted;

[[gnu::noinline]] char* make_wanted() { return new char[kWanted]; }

// The longest time between two looks at the clock.
class GapWatch {
 public:
  explicit GapWatch(bool maps) : thread_([this, maps] { watch(maps); }) {}
  ~GapWatch() { end(); }
  double end() {
    done_ = true;
    if (thread_.joinable()) thread_.join();
    return longest_;
  }

 private:
  void watch(bool maps) {
    auto last = Clock::now();
    while (!done_) {
      if (maps) {
        void* p = mmap(nullptr, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (p != MAP_FAILED) {
          *static_cast<volatile char*>(p) = 1;
          munmap(p, 65536);
        }
      }
      const auto now = Clock::now();
      longest_ = std::max(longest_, std::chrono::duration<double, std::milli>(now - last).count());
      last = now;
    }
  }
  std::atomic<bool> done_{false};
  double longest_ = 0;
  std::thread thread_;
};

std::uint64_t wanted_key() {
  std::uint64_t key = 0;
  auto& recorder = holdfast::record::g_recorder;
  holdfast::record::each_live_block(recorder, [&](const holdfast::record::LiveBlock& block) {
    if (block.size != kWanted) return;
    const auto* site = recorder.sites().at(holdfast::record::index(block.site));
    key = holdfast::base::site_key(site->stack, site->depth);
  });
  return key;
}

}  // namespace

int main(int argc, char** argv) {
  const std::size_t megabytes = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : 100;
  const int rounds = argc > 2 ? std::atoi(argv[2]) : 5;
  auto session = holdfast::Session::open({.exact = true});
  if (!session) return std::fprintf(stderr, "%s\n", session.error().what.c_str()), 1;
  for (std::uint64_t i = 0; i < megabytes * 1'000'000 / kBlockBytes; ++i) {
    auto block = std::unique_ptr<char[]>(new char[kBlockBytes]);
    std::memset(block.get(), static_cast<int>(i), kBlockBytes);
    g_heap[i * 2654435761 % 1'000'000'007] = std::move(block);
  }
  for (int i = 0; i < 1000; ++i) g_wanted.emplace_back(make_wanted());
  const holdfast::record::QuietScope quiet;
  holdfast::holders::Question question;
  question.sites = {wanted_key()};
  std::printf("%8s %8s %8s %10s %10s %10s %10s\n", "MB", "cpu ms", "wall ms", "gap ms", "idle gap",
              "mmap gap", "own KB");
  for (int round = 0; round < rounds; ++round) {
    double gaps[3] = {};
    holdfast::Result<std::string> dump = std::string();
    {
      GapWatch idle(false);
      std::this_thread::sleep_for(std::chrono::milliseconds(300));
      gaps[0] = idle.end();
    }
    for (const bool maps : {false, true}) {
      GapWatch watch(maps);
      dump = holdfast::holders::ask(holdfast::record::g_recorder, question,
                                    [](const std::vector<std::uint64_t>& addresses) {
                                      return std::vector<std::string>(addresses.size());
                                    });
      gaps[maps ? 2 : 1] = watch.end();
      if (!dump) return std::fprintf(stderr, "%s\n", dump.error().what.c_str()), 1;
    }
    const auto told = nlohmann::json::parse(*dump);
    std::printf("%8zu %8llu %8llu %10.2f %10.2f %10.2f %10llu\n", megabytes,
                told["cpu_ms"].get<unsigned long long>(), told["wall_ms"].get<unsigned long long>(), gaps[1],
                gaps[0], gaps[2], told["own_bytes"].get<unsigned long long>() / 1024);
  }
  return 0;
}
