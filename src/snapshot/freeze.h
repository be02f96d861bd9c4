// Copies the recorder's state out into plain values. The program's threads go on; each of the recorder's
// locks is held only for a short stretch at a time.
#pragma once

#include <holdfast/result.h>

#include "record/allocator_use.h"
#include "record/recorder.h"
#include "snapshot/frozen.h"

namespace holdfast::snapshot {

// What the recorder cannot know of itself.
struct Surroundings {
  const char* allocator = "unknown";  // behind the hook
  // Asks the allocator of itself, for the table of memory; the table is left out without it.
  const record::AllocatorQuestions* questions = nullptr;
  // How the allocations are seen, for people.
  const char* hook = "unknown";
};

// A snapshot of everything recorded since the start. Call on a quiet thread; allocates. Within each shard of
// the recorder allocations minus frees equal what is live; in exact mode ages are read a moment after the
// counters. Error when memory is short.
Result<Frozen> freeze(record::Recorder& recorder, const Surroundings& surroundings);

}  // namespace holdfast::snapshot
