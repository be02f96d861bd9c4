#include "trace.h"

#include <unistd.h>

#include <exception>

#include "base/units.h"
#include "explain.h"
#include "record/recorder.h"
#include "snapshot/totals.h"

namespace holdfast {
namespace {

std::string signed_rate(double bytes_per_second) {
  return (bytes_per_second < 0 ? "" : "+") + base::format_rate(bytes_per_second);
}

// Straight to the descriptor: stdio's locks may be anybody's.
void say(const std::string& line) {
  [[maybe_unused]] const auto n = ::write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace

Result<std::unique_ptr<Trace>> Trace::start(std::chrono::nanoseconds period) {
  if (period < kShortestPeriod || period > kLongestPeriod) {
    return Error{"the trace's period must be 100 ms to a day", "10s is usual"};
  }
  std::unique_ptr<Trace> trace(new Trace());
  Result<std::unique_ptr<QuietThread>> thread =
      QuietThread::start("holdfast-trace", [self = trace.get(), period](QuietThread& me) {
        try {
          self->line();  // what the first period is compared with
          while (me.wait(period)) say(self->line());
        } catch (const std::exception&) {
          say("holdfast: no memory for the trace, it ends here\n");
        }
      });
  if (!thread) return thread.error();
  trace->thread_ = std::move(thread).value();
  return trace;
}

std::string Trace::line() {
  const Result<profile::Profile> profile = Explainer::instance().heap("inuse_space");
  if (!profile) return "holdfast: not recording\n";
  const std::vector<SiteUse> sites = growth_.look(*profile);
  const snapshot::HeapTotals totals = snapshot::read_totals(record::g_recorder);
  const double seconds = static_cast<double>(profile->time_nanos - time_before_ns_) / 1e9;
  std::string text = "holdfast: in use " + base::format_bytes(totals.inuse_bytes);
  if (time_before_ns_ != 0 && seconds > 0) {
    text += " (" + signed_rate((totals.inuse_bytes - in_use_before_) / seconds) + "), allocating " +
            base::format_rate((totals.alloc_bytes - allocated_before_) / seconds);
  }
  if (profile->history && profile->history->memory) {
    text += ", rss " + base::format_bytes(static_cast<double>(profile->history->memory->rss));
  }
  const SiteUse* site = fastest(sites);
  text += site == nullptr ? ", no site grows"
                          : ", fastest: " + site->name + " " + signed_rate(site->bytes_per_second);
  time_before_ns_ = profile->time_nanos;
  in_use_before_ = totals.inuse_bytes;
  allocated_before_ = totals.alloc_bytes;
  return text + (record::g_recorder.recording() ? "\n" : " (recording is off)\n");
}

}  // namespace holdfast
