// `holdfast watch URL`: snapshots of a running program, its growing sites as they grow, and check's verdict.
#include "reports/watch.h"

#include <signal.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "accepted.h"
#include "base/files.h"
#include "base/units.h"
#include "check_policy.h"
#include "command.h"
#include "diagnose/compare.h"
#include "diagnose/judge.h"
#include "held.h"
#include "lines/add_lines.h"
#include "quiet.h"
#include "screen.h"
#include "sources.h"
#include "verdict.h"

namespace holdfast::tool {
namespace {

using Clock = std::chrono::steady_clock;

struct WatchFlags {
  std::string url, every = "10s", length = "10m", keep;
  std::size_t limit = 10;
  PolicyFlags policy;
  Accepted accepted;
  VerdictOutput output;
  SourceOptions fetch;
};

// Of long watches every other snapshot is dropped, again and again: so many show the course.
constexpr std::size_t kMostSnapshots = 200;
constexpr int kMostFailures = 3;  // in a row
constexpr std::chrono::milliseconds kSlice{50};

volatile sig_atomic_t is_interrupted = 0;

// Ctrl-C ends the watch, not the verdict; a second one ends that too.
void end_early_on_interrupt() {
  struct sigaction action {};
  action.sa_handler = [](int) { is_interrupted = 1; };
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  ::sigaction(SIGINT, &action, nullptr);
}

// The first and the last stay, and of the others every second.
void thin(std::vector<profile::Profile>& series) {
  if (series.size() <= kMostSnapshots) return;
  std::size_t kept = 0;
  for (std::size_t i = 0; i < series.size(); ++i) {
    if (i % 2 == 1 && i + 1 < series.size()) continue;
    if (kept != i) series[kept] = std::move(series[i]);
    ++kept;
  }
  series.resize(kept);
}

class Watch {
 public:
  explicit Watch(WatchFlags& flags) : flags_(flags) {}

  Result<void> prepare() {
    const auto every = base::parse_duration(flags_.every);
    if (!every) return every.error();
    const auto length = base::parse_duration(flags_.length);
    if (!length) return length.error();
    if (every->count() <= 0) return Error{"--every must be longer than nothing", "try --every 10s"};
    every_ = *every;
    length_ = *length;
    if (flags_.keep.empty()) return {};
    std::error_code failure;
    std::filesystem::create_directories(flags_.keep, failure);
    if (failure)
      return Error{"cannot make the directory " + flags_.keep + ": " + failure.message(), "choose another"};
    return {};
  }

  // Until the time is over, or somebody has seen enough.
  Result<void> run() {
    end_early_on_interrupt();
    const auto start = Clock::now();
    for (int number = 0;; ++number) {
      if (auto taken = take(number); !taken) return taken;
      const auto next = start + (number + 1) * every_;
      if (next > start + length_) return {};
      while (Clock::now() < next && is_interrupted == 0)
        std::this_thread::sleep_for(std::min<Clock::duration>(kSlice, next - Clock::now()));
      if (is_interrupted != 0) return {};
    }
  }

  // After run().
  const std::vector<profile::Profile>& series() {
    if (flags_.fetch.lines) lines::add_lines(series_.back());
    return series_;
  }

 private:
  Result<void> take(int number) {
    const auto bytes = fetch::fetch(flags_.url, flags_.fetch);
    auto profile = bytes ? decode_profile(flags_.url, *bytes) : Result<profile::Profile>(bytes.error());
    if (!profile) {
      // A busy server may miss one; the first must come, or the URL is wrong.
      if (series_.empty() || ++failures_ >= kMostFailures) return profile.error();
      screen_.say("no snapshot: " + profile.error().what);
      return {};
    }
    failures_ = 0;
    if (!flags_.keep.empty()) {
      char name[32];
      std::snprintf(name, sizeof name, "/heap.%05d.pb.gz", number);
      if (auto kept = base::write_file_atomically(flags_.keep + name, *bytes); !kept) return kept;
    }
    series_.push_back(std::move(*profile));
    thin(series_);
    const profile::Profile& now = series_.back();
    const diagnose::Comparison growth = diagnose::compare(series_.front(), now);
    if (screen_.is_terminal()) {
      screen_.draw(reports::render_watch_table(growth, in_use_bytes(now), flags_.limit));
    } else {
      screen_.say(reports::render_watch_line(growth, in_use_bytes(now)));
    }
    return {};
  }

  WatchFlags& flags_;
  std::chrono::nanoseconds every_{}, length_{};
  Screen screen_;
  std::vector<profile::Profile> series_;
  int failures_ = 0;
};

Result<int> watch(WatchFlags& flags) {
  const auto policy = flags.policy.policy();
  if (!policy) return policy.error();
  if (auto loaded = flags.accepted.load(); !loaded) return loaded.error();
  Watch watch(flags);
  if (auto ready = watch.prepare(); !ready) return ready.error();
  if (auto opened = flags.output.open(); !opened) return opened.error();
  if (auto done = watch.run(); !done) return done.error();
  const std::vector<profile::Profile>& series = watch.series();
  diagnose::Diagnosis diagnosis = diagnose::judge(series, *policy);
  flags.accepted.apply(diagnosis);
  if (flags.output.wants_holders()) add_holders(diagnosis, flags.url, flags.fetch);
  return flags.output.write(diagnosis, {flags.url}, series.front(), series.back());
}

}  // namespace

Command add_watch(CLI::App& root) {
  auto flags = std::make_shared<WatchFlags>();
  CLI::App* app = root.add_subcommand("watch", "Watch the sites of a running program grow, then judge them");
  app->add_option("URL", flags->url, std::string("The program: ") + kSourceHelp)->required()->type_name("");
  app->add_option("--every", flags->every, "Time between two snapshots [10s]; longer for a large heap")
      ->type_name("DURATION");
  app->add_option("--for", flags->length, "How long to watch [10m]; Ctrl-C ends it early, with the verdict")
      ->type_name("DURATION");
  app->add_option("--keep", flags->keep, "Directory to save every snapshot in [none is kept]")
      ->type_name("DIR");
  app->add_option("-n", flags->limit, "Sites in the table [10]")->type_name("N");
  flags->policy.add_flags(*app);
  flags->accepted.add_flags(*app);
  flags->output.add_flags(*app);
  add_source_flags(*app, flags->fetch);
  return {app, [flags] { return watch(*flags); }};
}

}  // namespace holdfast::tool
