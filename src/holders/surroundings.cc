#include "holders/surroundings.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "snapshot/proc_maps.h"

namespace holdfast::holders {
namespace {

constexpr std::size_t kRedZone = 128;  // below the stack pointer, used by leaf functions
constexpr std::size_t kForeignStack =
    256 * 1024;  // searched above a stack pointer that lies in no thread's own stack

const WritableMapping* mapping_of(const std::vector<WritableMapping>& mappings, std::uintptr_t address) {
  const auto after = std::ranges::upper_bound(mappings, address, {}, &WritableMapping::start);
  if (after == mappings.begin() || address >= after[-1].limit) return nullptr;
  return &after[-1];
}

void add_stack(const std::vector<WritableMapping>& mappings, const Thread& thread, std::uint32_t index,
               Layout& layout) {
  const bool is_main = thread.id == getpid();
  const std::uintptr_t sp = thread.stack_pointer;
  const WritableMapping* mapping = nullptr;
  if (sp != 0) mapping = mapping_of(mappings, sp);
  if (mapping == nullptr && is_main) {
    const auto main = std::ranges::find(mappings, std::string_view("[stack]"), &WritableMapping::path);
    if (main != mappings.end()) mapping = &*main;
  }
  if (mapping == nullptr && thread.control_block != 0 && !is_main)
    mapping = mapping_of(mappings, thread.control_block);
  if (mapping == nullptr) return;
  // glibc puts a thread's control block at the top of its stack.
  const bool has_block = !is_main && thread.control_block > std::max(sp, mapping->start) &&
                         thread.control_block < mapping->limit;
  const std::uintptr_t top = has_block ? thread.control_block : mapping->limit;
  if (has_block || mapping->path == "[stack]") {
    layout.add({mapping->start, top, RangeKind::skipped, false, index});
  } else if (sp == 0) {
    return;
  }
  if (thread.is_own) return;
  const bool is_foreign = !has_block && mapping->path != "[stack]";
  const std::uintptr_t limit = is_foreign ? std::min(top, sp + kForeignStack) : top;
  layout.add({sp == 0 ? mapping->start : std::max(mapping->start, sp - kRedZone), limit, RangeKind::stack,
              false, index});
}

void add_tls(const Surroundings& around, const Thread& thread, std::uint32_t index, Layout& layout) {
  if (thread.control_block == 0) return;
  const auto kind = thread.is_own ? RangeKind::skipped : RangeKind::tls;
  for (const StaticTls& tls : around.tls) {
    const auto module = std::ranges::find(around.modules, tls.bias, &snapshot::LoadedObject::bias);
    const bool is_runtime = module != around.modules.end() && is_runtime_module(module->name);
    const std::uintptr_t start = thread.control_block - tls.offset;
    layout.add({start, start + tls.size, kind, is_runtime, index});
  }
  layout.add({thread.control_block, thread.control_block + kControlBlockBytes, kind, false, index});
}

void add_modules(const Surroundings& around, Layout& layout) {
  for (std::size_t i = 0; i < around.modules.size(); ++i) {
    const snapshot::LoadedObject& module = around.modules[i];
    const std::string_view name = module.name;
    const bool is_own = name.find("libholdfast_") != std::string_view::npos;
    for (const snapshot::LoadedObject::Segment& segment : module.segments) {
      // The last page of .bss is mapped whole.
      const std::uintptr_t limit = (segment.limit + 4095) & ~std::uintptr_t{4095};
      layout.add({segment.start, limit, is_own ? RangeKind::skipped : RangeKind::data,
                  is_runtime_module(module.name), static_cast<std::uint32_t>(i)});
    }
  }
}

// Preloaded, the recorder and this room live in two libraries, each with its own list of what it has mapped.
bool skip_own_memory(const record::Recorder& recorder, Layout& layout) {
  const auto skip = [&](const auto& read) {
    base::RawVector<base::MappedRange> own;
    if (!own.resize(read(nullptr, 0) + 64)) return false;
    const std::size_t found = std::min(own.size(), read(own.begin(), own.size()));
    for (std::size_t i = 0; i < found; ++i) {
      layout.add({own[i].start, own[i].start + own[i].bytes, RangeKind::skipped, false, 0});
    }
    return true;
  };
  const auto itself = reinterpret_cast<std::uintptr_t>(&recorder);
  layout.add({itself, itself + sizeof recorder, RangeKind::skipped, false, 0});
  return skip([](base::MappedRange* out, std::size_t max) { return base::mapped_ranges(out, max); }) &&
         skip([&](base::MappedRange* out, std::size_t max) { return recorder.own_ranges(out, max); });
}

// Anonymous mappings, cut where one of glibc's heaps may begin: the kernel shows it and a stack below it as
// one.
bool list_pieces(const std::vector<WritableMapping>& mappings, base::RawVector<Probed>& pieces) {
  for (const WritableMapping& mapping : mappings) {
    if (!mapping.path.empty()) continue;
    for (std::uintptr_t at = mapping.start; at < mapping.limit;) {
      const std::uintptr_t next = std::min(mapping.limit, (at | (kHeapAlignment - 1)) + 1);
      if (!pieces.push_back({at, next, 0, 0, false})) return false;
      at = next;
    }
  }
  return true;
}

bool is_known(const std::vector<Thread>& threads, std::uintptr_t control_block) {
  return std::ranges::find(threads, control_block, &Thread::control_block) != threads.end();
}

// Of threads that the recorder has not met.
void learn_control_blocks(const base::RawVector<Probed>& probed, std::vector<Thread>& threads) {
  for (const Probed& p : probed) {
    if (p.control_block == 0 || p.thread == 0 || is_known(threads, p.control_block)) continue;
    const auto thread = std::ranges::find(threads, static_cast<long>(p.thread), &Thread::id);
    if (thread != threads.end() && thread->control_block == 0) thread->control_block = p.control_block;
  }
}

}  // namespace

bool is_runtime_module(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  const std::string_view file = std::string_view(path).substr(slash == std::string::npos ? 0 : slash + 1);
  constexpr std::array known = {"libc.so",     "libc-2",      "ld-linux",    "libpthread",  "libdl.",
                                "libtcmalloc", "libjemalloc", "libmimalloc", "libholdfast_"};
  return std::ranges::any_of(known, [&](const char* start) { return file.starts_with(start); });
}

Result<void> look_around(record::Recorder& recorder, const std::vector<base::MappedRange>& own,
                         const std::function<void(base::RawVector<Probed>&)>& look_into,
                         bool knows_heap, Surroundings& out) {
  const Error no_memory{"no memory for the search", "try again"};
  const std::string maps = snapshot::read_own_maps();
  const std::vector<WritableMapping> mappings = parse_writable_mappings(maps);
  if (mappings.empty())
    return Error{"/proc/self/maps cannot be read", "mount /proc in the program's container"};
  out.modules = snapshot::loaded_objects();
  out.threads = list_threads(recorder);
  out.tls = static_tls();
  base::RawVector<Probed> probed;
  if (!list_pieces(mappings, probed)) return no_memory;
  look_into(probed);
  learn_control_blocks(probed, out.threads);

  Layout layout;
  for (const WritableMapping& mapping : mappings) layout.add_mapping(mapping);
  for (const WritableMapping& mapping : mappings) {
    if (mapping.path == "[heap]" && knows_heap) layout.add({mapping.start, mapping.limit, RangeKind::heap, false, 0});
  }
  add_modules(out, layout);
  for (const Probed& p : probed) {
    if (p.is_arena && knows_heap) layout.add({p.start, p.limit, RangeKind::heap, false, 0});
    // The stack of a thread that has gone.
    if (p.control_block != 0 && !is_known(out.threads, p.control_block)) {
      layout.add({p.start, p.limit, RangeKind::skipped, false, 0});
    }
  }
  const record::Region& region = recorder.region();
  layout.add({region.base(), region.base() + region.size(), RangeKind::heap, false, 0});
  for (std::uint32_t i = 0; i < out.threads.size(); ++i) add_stack(mappings, out.threads[i], i, layout);
  for (std::uint32_t i = 0; i < out.threads.size(); ++i) add_tls(out, out.threads[i], i, layout);
  if (!skip_own_memory(recorder, layout)) return no_memory;
  for (const base::MappedRange& r : own)
    layout.add({r.start, r.start + r.bytes, RangeKind::skipped, false, 0});
  if (!layout.build(mappings.size(), out.ranges)) return no_memory;

  for (const snapshot::MappedCode& code : snapshot::parse_executable_mappings(maps)) {
    if (!out.code.push_back({code.range.start, code.range.limit, RangeKind::data, false, 0}))
      return no_memory;
  }
  std::sort(out.code.begin(), out.code.end(),
            [](const Range& a, const Range& b) { return a.start < b.start; });
  return {};
}

}  // namespace holdfast::holders
