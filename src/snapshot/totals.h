// What is in use in the whole heap, without sites: cheap enough to ask several times a second. Quiet thread;
// takes each shard's lock for 512 sites at a time; allocates nothing.
#pragma once

#include "record/recorder.h"

namespace holdfast::snapshot {

struct HeapTotals {
  double alloc_objects = 0, alloc_bytes = 0;  // unbiased, since recording began
  double inuse_objects = 0, inuse_bytes = 0;
};

HeapTotals read_totals(record::Recorder& recorder) noexcept;

}  // namespace holdfast::snapshot
