#include "cpu_profiler.h"

#include <dlfcn.h>
#include <sys/mman.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/files.h"
#include "explain.h"
#include "profile/legacy_cpu.h"

// The profiler in a program that links it into the same executable, exported or not (gperftools/profiler.h).
extern "C" {
__attribute__((weak)) int ProfilerStart(const char* path);
__attribute__((weak)) void ProfilerStop();
}

namespace holdfast {
namespace {

using Start = int (*)(const char*);
using Stop = void (*)();

template <typename Function>
Function find(Function linked, const char* name) {
  if (linked != nullptr) return linked;
  void* const address = ::dlsym(RTLD_DEFAULT, name);
  Function found = nullptr;
  std::memcpy(&found, &address, sizeof found);
  return found;
}

// A file in memory, which the profiler opens by its name under /proc.
class MemoryFile {
 public:
  MemoryFile() : fd_(::memfd_create("holdfast-cpu", MFD_CLOEXEC)) {}
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  ~MemoryFile() {
    if (fd_ >= 0) ::close(fd_);
  }
  explicit operator bool() const { return fd_ >= 0; }
  std::string path() const { return "/proc/self/fd/" + std::to_string(fd_); }

 private:
  int fd_;
};

profile::Profile explain(const profile::CpuStacks& taken, std::int64_t duration_nanos) {
  profile::Profile profile;
  profile.sample_types = {{"samples", "count"}, {"cpu", "nanoseconds"}};
  profile.default_sample_type = "cpu";
  profile.period_type = {"cpu", "nanoseconds"};
  profile.period = taken.period_nanos;
  profile.duration_nanos = duration_nanos;
  profile.time_nanos = std::chrono::nanoseconds(std::chrono::system_clock::now().time_since_epoch()).count();

  std::vector<std::uint64_t> addresses;
  std::unordered_map<std::uint64_t, std::uint32_t> location_of;
  for (const profile::CpuStack& stack : taken.stacks) {
    profile::Sample sample;
    for (const std::uint64_t address : stack.addresses) {
      const auto [known, is_new] =
          location_of.try_emplace(address, static_cast<std::uint32_t>(addresses.size()));
      if (is_new) addresses.push_back(address);
      sample.locations.push_back(known->second);
    }
    const auto count = static_cast<std::int64_t>(stack.count);
    sample.values = {count, count * taken.period_nanos};
    profile.samples.push_back(std::move(sample));
  }

  const snapshot::Explanation explanation = Explainer::instance().explain(addresses);
  for (const snapshot::CodeMapping& m : explanation.mappings) {
    profile.mappings.push_back({.start = m.range.start,
                                .limit = m.range.limit,
                                .offset = m.range.offset,
                                .file = m.path,
                                .build_id = m.build_id,
                                .has_functions = true});
  }
  std::unordered_map<const snapshot::Symbol*, std::uint32_t> function_of;
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    const snapshot::ExplainedAddress& a = explanation.addresses[i];
    const auto [known, is_new] =
        function_of.try_emplace(a.symbol.get(), static_cast<std::uint32_t>(profile.functions.size()));
    if (is_new) profile.functions.push_back({a.symbol->name, a.symbol->system_name, {}, 0});
    profile.locations.push_back(
        {.mapping = a.mapping == snapshot::kOutsideMappings ? profile::kNoMapping : a.mapping,
         .address = addresses[i],
         .lines = {{.function = known->second, .line = 0}}});
  }
  return profile;
}

// One profile at a time, as the route sees to it.
class Profiler {
 public:
  Profiler(Start begin, Stop end) : start_(begin), stop_(end) {}

  Result<void> start() {
    file_ = std::make_unique<MemoryFile>();
    if (!*file_) return Error{"no file in memory for a CPU profile", "raise the limit of open files"};
    started_ = std::chrono::steady_clock::now();
    if (start_(file_->path().c_str()) != 0) return {};
    file_.reset();
    return Error{"the CPU profiler does not start",
                 "it may be at work already: by CPUPROFILE, or in the program's own code"};
  }

  Result<std::string> stop() {
    stop_();
    duration_nanos_ = std::chrono::nanoseconds(std::chrono::steady_clock::now() - started_).count();
    Result<std::string> bytes = base::read_file(file_->path(), std::size_t{64} << 20);
    file_.reset();
    return bytes;
  }

  Result<profile::Profile> explain(const std::string& legacy) const {
    const Result<profile::CpuStacks> stacks = profile::decode_legacy_cpu(legacy);
    if (!stacks) return stacks.error();
    return holdfast::explain(*stacks, duration_nanos_);
  }

 private:
  const Start start_;
  const Stop stop_;
  std::unique_ptr<MemoryFile> file_;
  std::chrono::steady_clock::time_point started_;
  std::int64_t duration_nanos_ = 0;
};

}  // namespace

std::optional<serve::CpuProfiler> find_cpu_profiler() {
  const Start start = find<Start>(ProfilerStart, "ProfilerStart");
  const Stop stop = find<Stop>(ProfilerStop, "ProfilerStop");
  if (start == nullptr || stop == nullptr) return std::nullopt;
  const auto profiler = std::make_shared<Profiler>(start, stop);
  return serve::CpuProfiler{
      .start = [profiler] { return profiler->start(); },
      .stop = [profiler] { return profiler->stop(); },
      .explain = [profiler](const std::string& legacy) { return profiler->explain(legacy); }};
}

}  // namespace holdfast
