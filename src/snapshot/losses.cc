#include "snapshot/losses.h"

namespace holdfast::snapshot {

std::vector<Loss> losses(record::Recorder& recorder) {
  const record::Drops& drops = recorder.drops();
  return {
      {"samples dropped: no memory for the record", drops.large_untracked.load()},
      {"samples dropped: lock timeout", drops.lock_timeouts.load()},
      {"samples kept outside the region: region full", drops.region_full.load()},
      {"samples folded: too many sites", recorder.sites().folded()},
      {"samples with labels folded: too many values", recorder.labels().folded()},
      {"labels ignored: too many at once", recorder.label_pool().refused()},
      {"lifetimes not counted: no memory", drops.lifetimes_lost.load()},
      {"stacks truncated", drops.stacks_truncated.load()},
      {"stacks empty", drops.stacks_empty.load()},
      {"frees deferred", drops.frees_deferred.load()},
  };
}

}  // namespace holdfast::snapshot
