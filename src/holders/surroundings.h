// What lies where in this process: modules, threads, and the ranges to search. Made on a quiet thread before
// a search; allocates.
#pragma once

#include <holdfast/result.h>

#include <functional>
#include <string>
#include <vector>

#include "base/raw_memory.h"
#include "holders/layout.h"
#include "holders/probe.h"
#include "holders/threads.h"
#include "record/recorder.h"
#include "snapshot/loaded_objects.h"

namespace holdfast::holders {

struct Surroundings {
  std::vector<snapshot::LoadedObject> modules;  // the main executable first; RangeKind::data's index
  std::vector<Thread> threads;                  // RangeKind::stack's and ::tls' index
  std::vector<StaticTls> tls;
  base::RawVector<Range> ranges;  // to search
  base::RawVector<Range> code;    // executable, ascending
};

// `own` is memory of the search itself that base/raw_memory.h does not know. `look_into` fills in what
// probe() does, by whichever way memory can be read. Error when /proc/self/maps cannot be read or memory is
// short.
Result<void> look_around(record::Recorder& recorder, const std::vector<base::MappedRange>& own,
                         const std::function<void(base::RawVector<Probed>&)>& look_into,
                         bool knows_heap, Surroundings& out);

// Whether a module's data belong to the C library, the loader, an allocator or Holdfast, by its file's name.
bool is_runtime_module(const std::string& path);

}  // namespace holdfast::holders
