#include "holders/query.h"

#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <mutex>

#include "holders/chunks.h"
#include "holders/helper.h"
#include "holders/search.h"
#include "holders/syscalls.h"

namespace holdfast::holders {
namespace {

// Everything the helper touches.
struct Job {
  const Surroundings* around;
  const Blocks* blocks;
  Reader reader;
  SearchInput input;
  Graph* graph;
  Answer* answer;
  PageFilter* filter;
  Scratch* scratch;
  Rank* rank;
  Chunks* chunks;  // to walk; nullptr: none
};

std::uint64_t cpu_ns() noexcept {
  timespec used{};
  raw_syscall(SYS_clock_gettime, CLOCK_THREAD_CPUTIME_ID, as_long(&used));
  return static_cast<std::uint64_t>(used.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(used.tv_nsec);
}

void do_job(void* argument) {
  Job& job = *static_cast<Job*>(argument);
  Progress& progress = job.graph->progress();
  const std::uint64_t before = cpu_ns();
  if (!job.reader.works()) {
    progress.cannot_read = true;
    return;
  }
  if (job.chunks != nullptr) job.chunks->walk(job.reader);
  Search(job.input, job.reader, *job.graph, *job.filter, *job.scratch).run();
  job.rank->run();
  job.answer->collect(*job.graph, *job.rank, job.around->ranges, job.around->code, job.reader);
  progress.cpu_ns = cpu_ns() - before;
}

class File {
 public:
  explicit File(const char* path) noexcept : fd_(::open(path, O_RDONLY | O_CLOEXEC)) {}
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() {
    if (fd_ >= 0) ::close(fd_);
  }
  int fd() const noexcept { return fd_; }

 private:
  int fd_;
};

std::mutex g_underway_mutex;
const Graph* g_underway = nullptr;            // under the mutex
std::atomic<bool>* g_underway_stop = nullptr;  // likewise

class UnderwayScope {
 public:
  UnderwayScope(const Graph& graph, std::atomic<bool>& stop) { set(&graph, &stop); }
  UnderwayScope(const UnderwayScope&) = delete;
  UnderwayScope& operator=(const UnderwayScope&) = delete;
  ~UnderwayScope() { set(nullptr, nullptr); }

 private:
  static void set(const Graph* graph, std::atomic<bool>* stop) {
    const std::lock_guard lock(g_underway_mutex);
    g_underway = graph;
    g_underway_stop = stop;
  }
};

std::int64_t monotonic_ms() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000;
}

// The dynamic loader binds a function at its first call: better here than in the helper.
void bind_functions(const Blocks& blocks) {
  volatile std::size_t n = 8;
  char a[64] = {};
  char b[64] = {};
  std::memcpy(a, b, n);
  std::memmove(a + 1, a, n);
  std::memset(b, 0, n);
  Block block;
  (void)blocks.find(reinterpret_cast<std::uintptr_t>(a), block);
}

enum class Tried { done, next_way, failed };

class Attempt {
 public:
  Attempt(record::Recorder& recorder, const Blocks& blocks, const Query& query)
      : recorder_(recorder),
        blocks_(blocks),
        query_(query),
        pagemap_("/proc/self/pagemap"),
        memory_("/proc/self/mem") {}

  Tried run(Way way, Findings& out) {
    out.way = way;
    const bool is_copy = way == Way::fork;
    out.knows_heap = query_.is_exact || query_.walks_glibc;
    const auto chains = static_cast<std::uint32_t>(query_.wanted.size());
    PageFilter filter;
    if (!out.graph.reserve(query_.memory_limit, is_copy) || !out.answer.reserve(chains, is_copy) ||
        !filter.reserve()) {
      error_ = {"no memory for the search", "ask with a lower limit"};
      return Tried::failed;
    }
    const UnderwayScope underway(out.graph, stop_);
    for (const Block& block : query_.wanted) {
      bool is_new = false;
      const std::uint32_t node = out.graph.add(block, is_new);
      if (node != kNone) out.graph.node(node).is_wanted = true;
    }
    const std::size_t bytes = sizeof(Scratch) + sizeof(Rank);
    auto* const memory = static_cast<char*>(base::map_pages(bytes));
    if (memory == nullptr) return Tried::failed;
    if (const Result<void> seen = look_around(out); !seen) {
      error_ = seen.error();
      base::unmap_pages(memory, bytes);
      return Tried::failed;
    }
    Chunks chunks;
    const record::Region& region = recorder_.region();
    const bool walks = query_.walks_glibc &&
                       chunks.reserve(out.around.ranges, region.base(), region.base() + region.size());
    const RecordedAndChunks both(blocks_, chunks);
    const Blocks& known = walks ? static_cast<const Blocks&>(both) : blocks_;
    Job job{&out.around, &known, Reader(way, memory_.fd()), {}, &out.graph, &out.answer, &filter, nullptr, nullptr,
            walks ? &chunks : nullptr};
    job.input = {&out.around.ranges, &known, &stop_, pagemap_.fd(), 0};
    job.scratch = new (memory) Scratch;
    job.rank = new (memory + sizeof(Scratch)) Rank(out.around.ranges, known, job.reader, out.graph);
    bind_functions(known);
    const Tried tried = run_job(way, job);
    base::unmap_pages(memory, bytes);
    if (tried != Tried::done) return tried;
    if (out.graph.progress().cannot_read) return Tried::next_way;
    out.walk_is_complete = chunks.broken_heaps() == 0;
    out.cut_by_memory = out.graph.full();
    out.cut_by_time = out.graph.progress().out_of_time;
    return Tried::done;
  }

  const Error& error() const { return error_; }

 private:
  // With the search's own tables left out.
  Result<void> look_around(Findings& out) {
    return holders::look_around(
        recorder_, {{out.graph.start(), out.graph.reserved()}, {out.answer.start(), out.answer.reserved()}},
        [&](base::RawVector<Probed>& mappings) { look_into(out.way, mappings); }, out.knows_heap, out.around);
  }

  void look_into(Way way, base::RawVector<Probed>& mappings) {
    struct Look {
      Reader reader;
      std::size_t id_offset;
      base::RawVector<Probed>& mappings;
    } look{Reader(way, memory_.fd()), thread_id_offset(), mappings};
    const auto work = [](void* argument) {
      auto& l = *static_cast<Look*>(argument);
      probe(l.reader, l.id_offset, l.mappings);
    };
    if (way == Way::helper) {
      (void)run_in_helper(work, &look, stop_, query_.time_limit_ms, HelperMemory::shared);
    } else if (way != Way::fork) {  // what a forked child learns is lost
      work(&look);
    }
  }

  Tried run_job(Way way, Job& job) {
    job.input.deadline_ms = monotonic_ms() + query_.time_limit_ms;
    if (way == Way::vm_readv || way == Way::memory_file) {
      // On this thread, which has no handler for faults and needs none.
      do_job(&job);
      return Tried::done;
    }
    const HelperMemory memory = way == Way::helper ? HelperMemory::shared : HelperMemory::copied;
    switch (run_in_helper(do_job, &job, stop_, query_.time_limit_ms, memory)) {
      case HelperEnd::done:
        return Tried::done;
      case HelperEnd::cannot_start:
        return Tried::next_way;
      case HelperEnd::died:
        error_ = {"the searching process died", "look into the kernel's log for who killed it"};
        return Tried::failed;
      case HelperEnd::timed_out:
        error_ = {"the search took too long and was killed", "ask with a longer limit"};
        return Tried::failed;
    }
    return Tried::failed;
  }

  record::Recorder& recorder_;
  const Blocks& blocks_;
  const Query& query_;
  const File pagemap_, memory_;
  std::atomic<bool> stop_{false};
  Error error_{
      "the program's memory cannot be read: neither a helper, process_vm_readv, /proc/self/mem nor fork is "
      "allowed",
      "allow clone or process_vm_readv in the sandbox"};
};

}  // namespace

std::optional<Underway> search_underway() noexcept {
  const std::lock_guard lock(g_underway_mutex);
  if (g_underway == nullptr) return std::nullopt;
  const Progress& progress = g_underway->progress();
  return Underway{progress.passes.load(std::memory_order_relaxed),
                  progress.scanned_bytes.load(std::memory_order_relaxed)};
}

void abandon_search() noexcept {
  const std::lock_guard lock(g_underway_mutex);
  if (g_underway_stop != nullptr) g_underway_stop->store(true, std::memory_order_release);
}

Result<std::unique_ptr<Findings>> search_holders(record::Recorder& recorder, const Blocks& blocks,
                                                 const Query& query) {
  Attempt attempt(recorder, blocks, query);
  const std::int64_t started = monotonic_ms();
  for (const Way way : {Way::helper, Way::vm_readv, Way::memory_file, Way::fork}) {
    if (query.only && *query.only != way) continue;
    auto findings = std::make_unique<Findings>();
    const Tried tried = attempt.run(way, *findings);
    if (tried == Tried::failed) return attempt.error();
    if (tried == Tried::next_way) continue;
    findings->wall_ms = monotonic_ms() - started;
    return findings;
  }
  return attempt.error();
}

}  // namespace holdfast::holders
