#include "watch.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <exception>
#include <mutex>
#include <utility>

#include "base/files.h"
#include "base/units.h"
#include "explain.h"
#include "profile/pprof.h"
#include "record/clock.h"
#include "record/recorder.h"
#include "snapshot/cgroup.h"
#include "snapshot/totals.h"

namespace holdfast {
namespace {

using record::g_recorder;
using record::now_ns;

constexpr std::chrono::milliseconds kBetweenLooks{100};
constexpr std::int64_t kSecond = 1'000'000'000;
// A new peak is kept when it is so much higher than the last one kept.
constexpr double kPeakMargin = 0.05;
constexpr double kSmallestPeak = 1 << 20;
// The next dump is due when memory has grown by so much since the last, or has been low in between.
constexpr double kNextDump = 1.1;
constexpr double kLow = 0.9;
constexpr std::int64_t kBetweenDumps = 60 * kSecond;  // after memory was low

std::atomic<bool> g_signalled{false};
void on_signal(int) { g_signalled.store(true, std::memory_order_relaxed); }

// The second number of statm, in pages.
std::uint64_t resident_bytes() {
  const Result<std::string> statm = base::read_file("/proc/self/statm", 4096);
  if (!statm) return 0;
  const std::size_t space = statm->find(' ');
  if (space == std::string::npos) return 0;
  std::uint64_t pages = 0;
  std::from_chars(statm->data() + space + 1, statm->data() + statm->size(), pages);
  return pages * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

std::uint64_t machine_bytes() {
  return static_cast<std::uint64_t>(sysconf(_SC_PHYS_PAGES)) *
         static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

Result<std::string> encoded_heap() {
  const Result<profile::Profile> profile = Explainer::instance().heap("inuse_space");
  if (!profile) return profile.error();
  return profile::encode_pprof(*profile);
}

void say(const std::string& text) {
  const std::string line = "holdfast: " + text + "\n";
  [[maybe_unused]] const auto n = ::write(STDERR_FILENO, line.data(), line.size());
}

// Takes the signal where the program leaves it alone.
Result<void> take_signal(int number) {
  struct sigaction before, ours = {};
  if (number < 1 || number >= NSIG || number == SIGKILL || number == SIGSTOP ||
      sigaction(number, nullptr, &before) != 0) {
    return Error{"there is no signal " + std::to_string(number) + " to ask for dumps with",
                 "SIGUSR2 is usual"};
  }
  if ((before.sa_flags & SA_SIGINFO) != 0 || before.sa_handler != SIG_DFL) {
    return Error{"the program handles signal " + std::to_string(number) + " itself",
                 "choose another dump_signal"};
  }
  ours.sa_handler = on_signal;
  ours.sa_flags = SA_RESTART;
  sigaction(number, &ours, nullptr);
  return {};
}

void give_signal_back(int number) {
  struct sigaction now;
  if (sigaction(number, nullptr, &now) == 0 && (now.sa_flags & SA_SIGINFO) == 0 &&
      now.sa_handler == on_signal) {
    signal(number, SIG_DFL);
  }
}

}  // namespace

Result<std::unique_ptr<Watch>> Watch::start(const Options& options) {
  std::unique_ptr<Watch> watch(new Watch());
  if (!options.dump_at.empty()) {
    const Result<DumpThreshold> threshold = parse_dump_threshold(options.dump_at);
    if (!threshold) return threshold.error();
    watch->threshold_ = *threshold;
  }
  const bool dumps = !options.dump_at.empty() || options.dump_signal != 0;
  if (dumps && options.dump_directory.empty()) {
    return Error{"there is no directory to write dumps to", "set dump_directory"};
  }
  if (dumps && options.max_dumps == 0) return Error{"max_dumps must be at least 1", "5 is the default"};
  if (dumps) watch->dumps_.emplace(options.dump_directory, options.max_dumps);
  watch->keeps_peak_ = options.keep_peak;
  if (!dumps && !watch->keeps_peak_) return std::unique_ptr<Watch>();
  if (options.dump_signal != 0) {
    if (const Result<void> taken = take_signal(options.dump_signal); !taken) return taken.error();
    watch->signal_ = options.dump_signal;
  }
  watch->started_ns_ = now_ns();
  Result<std::unique_ptr<QuietThread>> thread =
      QuietThread::start("holdfast-watch", [self = watch.get()](QuietThread& me) { self->run(me); });
  if (!thread) return thread.error();
  watch->thread_ = std::move(thread).value();
  return watch;
}

Watch::~Watch() {
  thread_.reset();
  if (signal_ != 0) give_signal_back(signal_);
}

void Watch::run(QuietThread& thread) {
  while (thread.wait(kBetweenLooks)) {
    try {
      if (signal_ != 0 && g_signalled.exchange(false)) dump("signal");
      if (threshold_.bytes != 0 || threshold_.percent != 0) look_at_limit();
      if (keeps_peak_) look_for_peak();
    } catch (const std::exception&) {
      // Memory is short: the next look may do better.
    }
  }
}

void Watch::look_for_peak() {
  const std::int64_t begin = now_ns();
  if (!g_recorder.recording() || spent_ns_ > kSecond / 2 + (begin - started_ns_) / 100) return;
  keep_peak_if_higher(kPeakMargin);
  spent_ns_ += now_ns() - begin;
}

// Whether what is in use now was more than what was kept by that margin, and is kept instead.
bool Watch::keep_peak_if_higher(double margin) {
  const double in_use = snapshot::read_totals(g_recorder).inuse_bytes;
  if (in_use < kSmallestPeak || in_use < (1 + margin) * peak_bytes()) return false;
  const Result<std::string> encoded = encoded_heap();
  if (!encoded) return false;
  auto kept = std::make_shared<const std::string>(std::move(*encoded));
  const std::lock_guard lock(mutex_);
  if (in_use < peak_bytes()) return false;
  peak_ = std::move(kept);
  peak_bytes_.store(in_use, std::memory_order_relaxed);
  return true;
}

void Watch::look_at_limit() {
  std::uint64_t used = resident_bytes(), most = threshold_.bytes;
  if (threshold_.percent != 0) {
    const snapshot::CgroupMemory cgroup = snapshot::read_cgroup_memory();
    // What is cached for files can be taken back, and is no reason to end anybody.
    if (cgroup.limit != 0) used = std::max(used, cgroup.usage - std::min(cgroup.usage, cgroup.reclaimable));
    most = (cgroup.limit != 0 ? cgroup.limit : machine_bytes()) / 100 * threshold_.percent;
  }
  const auto share = [](std::uint64_t bytes, double factor) {
    return static_cast<std::uint64_t>(static_cast<double>(bytes) * factor);
  };
  if (used < share(most, kLow)) dumped_at_ = 0;
  if (used < most) return;
  if (dumped_at_ != 0 ? used < share(dumped_at_, kNextDump) : now_ns() < next_dump_ns_) return;
  dump("alarm");
  dumped_at_ = used;
  next_dump_ns_ = now_ns() + kBetweenDumps;
}

void Watch::dump(const char* reason) {
  const Result<std::string> encoded = encoded_heap();
  const Result<std::string> path =
      encoded ? dumps_->write(reason, *encoded) : Result<std::string>(encoded.error());
  if (path) {
    dumps_written_.store(dumps_->written(), std::memory_order_relaxed);
    say("wrote " + *path);
  } else {
    say("no dump is written: " + path.error().what);
  }
}

Result<std::string> Watch::peak() {
  if (!keeps_peak_) return Error{"no peak is kept", "set keep_peak"};
  // What is in use now may be the peak.
  if (g_recorder.recording()) keep_peak_if_higher(0);
  const std::lock_guard lock(mutex_);
  if (peak_ == nullptr)
    return Error{"no peak is kept yet: less than 1 MiB was in use", "ask for /debug/pprof/heap"};
  return *peak_;
}

std::vector<serve::Route> Watch::routes() {
  return {{.path = "/debug/holdfast/peak",
           .about = "the heap profile of the moment when most was in use, since recording began",
           .collects = true,
           .answer = [this](const serve::Request&) {
             Result<std::string> kept = peak();
             if (!kept) return serve::refuse(404, kept.error().what + "; " + kept.error().hint);
             return serve::Response{200,
                                    {{"Content-Type", "application/octet-stream"},
                                     {"Content-Disposition", "attachment; filename=\"heap-peak\""},
                                     {"X-Content-Type-Options", "nosniff"}},
                                    std::move(kept).value()};
           }}};
}

}  // namespace holdfast
