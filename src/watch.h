// Looks at memory ten times a second: keeps the profile of the high-water mark, and writes a dump when memory
// runs high, before the kernel ends the program, or when a signal asks. One quiet thread.
#pragma once

#include <holdfast/holdfast.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dumps.h"
#include "quiet_thread.h"
#include "serve/sources.h"
#include "snapshot/fork_mutex.h"

namespace holdfast {

class Watch {
 public:
  // Error when a threshold cannot be read, there is no directory for dumps, or the program handles the signal
  // itself. Nothing (a null pointer) where the options ask for nothing.
  static Result<std::unique_ptr<Watch>> start(const Options& options);

  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;
  ~Watch();

  // GET /debug/holdfast/peak.
  std::vector<serve::Route> routes();

  double peak_bytes() const noexcept { return peak_bytes_.load(std::memory_order_relaxed); }
  std::uint64_t dumps_written() const noexcept { return dumps_written_.load(std::memory_order_relaxed); }

 private:
  Watch() = default;
  void run(QuietThread& thread);
  void look_for_peak();
  void look_at_limit();
  void dump(const char* reason);
  bool keep_peak_if_higher(double margin);
  Result<std::string> peak();

  bool keeps_peak_ = false;
  std::optional<Dumps> dumps_;
  DumpThreshold threshold_;
  int signal_ = 0;

  // Time the looking itself took: it may take 1 % of the time, and half a second at once.
  std::int64_t started_ns_ = 0;
  std::int64_t spent_ns_ = 0;

  std::uint64_t dumped_at_ = 0;  // use of memory when the last dump was written; 0: none since memory was low
  std::int64_t next_dump_ns_ = 0;

  snapshot::ForkMutex mutex_;                // of the peak
  std::shared_ptr<const std::string> peak_;  // encoded
  std::atomic<double> peak_bytes_{0};
  std::atomic<std::uint64_t> dumps_written_{0};
  std::unique_ptr<QuietThread> thread_;  // last: it ends first
};

}  // namespace holdfast
