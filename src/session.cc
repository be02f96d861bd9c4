#include <holdfast/holdfast.h>
#include <unistd.h>

#include <dlfcn.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <mutex>
#include <utility>

#include "base/files.h"
#include "base/units.h"
#include "control_routes.h"
#include "cpu_profiler.h"
#include "endpoint.h"
#include "explain.h"
#include "holders/query.h"
#include "holders_route.h"
#include "hook/allocator_hooks.h"
#include "hook/real.h"
#include "hook/slow_path.h"
#include "memory_route.h"
#include "metrics.h"
#include "profile/pprof.h"
#include "record/recorder.h"
#include "serve/routes.h"
#include "snapshot/fork_mutex.h"
#include "snapshot/losses.h"
#include "snapshot/own_symbol.h"
#include "trace.h"
#include "watch.h"

namespace holdfast {
namespace {

using record::g_recorder;

std::atomic<bool> g_open{false};

constexpr std::uint64_t kLargestInterval = std::uint64_t{1} << 40;

Result<void> check(const Options& options) {
  if (options.interval_bytes < 1 || options.interval_bytes > kLargestInterval) {
    return Error{"the sampling interval must be 1 byte to 1 TiB", "512 KiB is the default"};
  }
  if (options.max_frames < 1 || options.max_frames > record::Recorder::kMaxFrames) {
    return Error{"max_frames must be 1 to " + std::to_string(record::Recorder::kMaxFrames),
                 "64 is the default"};
  }
  if (options.max_label_values < 1 || options.max_label_values > record::LabelTable::kMaxValues) {
    return Error{"max_label_values must be 1 to " + std::to_string(record::LabelTable::kMaxValues),
                 "100 is the default"};
  }
  return {};
}

// 0 where HOLDFAST_TRACE is not set, or wrong, which is said: the program runs on without a trace.
std::chrono::nanoseconds trace_period_from_environment() {
  const char* text = std::getenv("HOLDFAST_TRACE");
  if (text == nullptr || *text == '\0') return {};
  const Result<std::chrono::nanoseconds> period = base::parse_duration(text);
  if (period && *period >= Trace::kShortestPeriod && *period <= Trace::kLongestPeriod) return *period;
  const std::string line =
      "holdfast: HOLDFAST_TRACE: " + (period ? "the period must be 100 ms to a day" : period.error().what) +
      "; set it to a time such as 10s; no trace is written\n";
  [[maybe_unused]] const auto n = ::write(STDERR_FILENO, line.data(), line.size());
  return {};
}

// Also a function of the executable that is not exported, as long as its symbols were not stripped.
void* function_by_name(const char* name) {
  void* address = dlsym(RTLD_DEFAULT, name);
  return address != nullptr ? address : snapshot::find_own_function(name);
}

std::string program_arguments(bool show) {
  if (!show) return "(arguments are not shown)";
  Result<std::string> raw = base::read_file("/proc/self/cmdline", 1 << 20);
  if (!raw) return {};
  while (!raw->empty() && raw->back() == '\0') raw->pop_back();
  return std::move(raw).value();
}

}  // namespace

struct Session::Impl {
  Options options;
  snapshot::ForkMutex options_mutex;  // the endpoint's threads change the interval too
  std::unique_ptr<Watch> watch;
  std::unique_ptr<Trace> trace;
  std::unique_ptr<Endpoint> endpoint;

  Result<void> record() {
    const std::uint64_t interval = options.exact ? record::kExact : options.interval_bytes;
    g_recorder.labels().set_max_values(options.max_label_values);
    if (!g_recorder.start(interval, options.max_frames, hook::behind() == hook::Allocator::glibc)) {
      return Error{"the interval was changed to more than " + std::to_string(record::Recorder::kIntervals) +
                       " different values",
                   "go back to one used before"};
    }
    return {};
  }

  Result<void> start() {
    const std::lock_guard lock(options_mutex);
    return g_recorder.recording() ? Result<void>() : record();
  }

  Result<void> set_interval(std::uint64_t bytes) {
    const std::lock_guard lock(options_mutex);
    Options changed = options;
    changed.interval_bytes = bytes;
    changed.exact = bytes == record::kExact;
    if (const Result<void> checked = check(changed); !checked) return checked;
    options = std::move(changed);
    return g_recorder.recording() ? record() : Result<void>();
  }

  Result<void> watch_memory() {
    Options wanted = options;
    // Without an endpoint nobody asks for the peak.
    wanted.keep_peak = options.keep_peak && !options.listen.empty();
    Result<std::unique_ptr<Watch>> started = Watch::start(wanted);
    if (!started) return started.error();
    watch = std::move(started).value();
    return {};
  }

  Result<void> start_trace() {
    std::chrono::nanoseconds period = options.trace_every;
    if (period.count() == 0) period = trace_period_from_environment();
    if (period.count() <= 0) return {};
    Result<std::unique_ptr<Trace>> started = Trace::start(period);
    if (!started) return started.error();
    trace = std::move(started).value();
    return {};
  }

  Result<void> serve() {
    serve::Sources sources;
    sources.heap = [](const std::string& type) { return Explainer::instance().heap(type); };
    sources.names = [](const std::vector<std::uint64_t>& a) { return Explainer::instance().names(a); };
    sources.command_line = [show = options.show_arguments] { return program_arguments(show); };
    sources.facts = [] { return facts(); };
    sources.cpu = find_cpu_profiler();
    sources.more =
        control_routes({.is_on = [] { return g_recorder.recording(); },
                        .interval_bytes = [] { return g_recorder.interval_bytes(); },
                        .start = [this] { return start(); },
                        .stop = [] { g_recorder.stop(); },
                        .set_interval = [this](std::uint64_t bytes) { return set_interval(bytes); }});
    for (serve::Route& route : holders_routes()) sources.more.push_back(std::move(route));
    for (serve::Route& route : memory_routes()) sources.more.push_back(std::move(route));
    for (serve::Route& route : metrics_routes(watch.get())) sources.more.push_back(std::move(route));
    if (watch != nullptr) {
      for (serve::Route& route : watch->routes()) sources.more.push_back(std::move(route));
    }
    Result<std::unique_ptr<Endpoint>> opened = Endpoint::open(options, std::move(sources));
    if (!opened) return opened.error();
    endpoint = std::move(opened).value();
    return {};
  }

  static std::vector<std::pair<std::string, std::string>> facts();

  ~Impl() {
    // First the door, then the recording: nobody asks about what is being taken down.
    holders::abandon_search();
    endpoint.reset();
    trace.reset();
    watch.reset();
    g_recorder.stop();
    g_open.store(false);
  }
};

std::vector<std::pair<std::string, std::string>> Session::Impl::facts() {
  const std::uint64_t interval = g_recorder.interval_bytes();
  const auto count = [](std::uint64_t n) { return base::format_count(static_cast<std::int64_t>(n)); };
  std::vector<std::pair<std::string, std::string>> all = {
      {"allocator", std::string(hook::name(hook::behind())) + " (" + hook::behind_file() + ")"},
      {"hook", hook::how_seen()},
      {"recording", !g_recorder.recording() ? "stopped"
                    : interval == record::kExact
                        ? "every allocation"
                        : "one sample in " + base::format_bytes(static_cast<double>(interval))},
      {"complete since", base::format_duration(std::chrono::nanoseconds(
                             g_recorder.started_ns() == 0 ? 0 : g_recorder.uptime_ns())) +
                             " ago"},
      {"unwinder", record::name(record::current_unwinder())},
      {"sites", count(g_recorder.sites().size() - 1)},
      {"Holdfast's own memory", base::format_bytes(static_cast<double>(g_recorder.own_bytes()))},
      {"sampled blocks' spans", base::format_bytes(static_cast<double>(g_recorder.region().bytes_in_use()))},
  };
  for (const snapshot::Loss& loss : snapshot::losses(g_recorder)) all.emplace_back(loss.what, count(loss.count));
  return all;
}

Session::Session(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
Session::Session(Session&&) noexcept = default;
Session& Session::operator=(Session&&) noexcept = default;
Session::~Session() { close(); }

Result<Session> Session::open(Options options) {
  const record::QuietScope quiet;
  if (const Result<void> checked = check(options); !checked) return checked.error();
  if (g_open.exchange(true)) {
    return Error{"a session is already open in this process", "keep the first one, or close it before"};
  }
  auto impl = std::make_unique<Impl>();
  impl->options = std::move(options);
  const char* unseen = hook::unseen_allocation();
  if (unseen != nullptr && hook::install_allocator_hooks(function_by_name)) unseen = hook::unseen_allocation();
  if (unseen != nullptr) {
    return Error{std::string("the program's allocations do not come through Holdfast: ") + unseen +
                     " was not seen. Another malloc comes before Holdfast's: one linked into the executable, or a library "
                     "named earlier in LD_PRELOAD, and it offers no hooks that can be reached",
                 "name Holdfast's library first, link the allocator as a shared library, or keep the symbols of a "
                 "program with gperftools or jemalloc 5.3 in it"};
  }
  if (!g_recorder.prepare()) {
    return Error{"no thread-specific key is left (pthread_key_create)", "open the session before the program takes them all"};
  }
  hook::install_fork_handlers();
  Explainer::instance();
  if (const Result<void> watching = impl->watch_memory(); !watching) return watching.error();
  if (const Result<void> served = impl->serve(); !served) return served.error();
  if (impl->options.start) {
    if (const Result<void> recorded = impl->record(); !recorded) return recorded.error();
  }
  if (const Result<void> tracing = impl->start_trace(); !tracing) return tracing.error();
  return Session(std::move(impl));
}

void Session::close() noexcept {
  const record::QuietScope quiet;
  impl_.reset();
}

void Session::stop() noexcept {
  if (impl_ != nullptr) g_recorder.stop();
}

Result<void> Session::start() {
  if (impl_ == nullptr) return Error{"the session is closed", "open a new one"};
  const record::QuietScope quiet;
  return impl_->start();
}

bool Session::recording() const noexcept { return impl_ != nullptr && g_recorder.recording(); }

Result<void> Session::set_interval(std::uint64_t bytes) {
  if (impl_ == nullptr) return Error{"the session is closed", "open a new one"};
  const record::QuietScope quiet;
  return impl_->set_interval(bytes);
}

void Session::set_answering(bool on) noexcept {
  if (impl_ != nullptr) impl_->endpoint->set_answering(on);
}

bool Session::answering() const noexcept { return impl_ != nullptr && impl_->endpoint->answering(); }

std::string Session::address() const { return impl_ == nullptr ? std::string() : impl_->endpoint->address(); }

Result<std::string> Session::heap_profile() const {
  if (impl_ == nullptr) return Error{"the session is closed", "open a new one"};
  const record::QuietScope quiet;
  const Result<profile::Profile> profile = Explainer::instance().heap("inuse_space");
  if (!profile) return profile.error();
  return profile::encode_pprof(*profile);
}

void add_work(std::uint64_t n) noexcept { g_recorder.work().add(n); }

}  // namespace holdfast
