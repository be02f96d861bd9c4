// The blocks that the recorder knows: all of them in exact mode, the sampled ones else. Called in the helper,
// see blocks.h; refresh() before, on a quiet thread.
#pragma once

#include "holders/blocks.h"
#include "record/live_blocks.h"

namespace holdfast::holders {

class RecordedBlocks final : public Blocks {
 public:
  explicit RecordedBlocks(const record::Recorder& recorder) noexcept : index_(recorder) {}

  bool refresh() noexcept { return index_.refresh(); }

  bool find(std::uintptr_t address, Block& block) const noexcept override {
    record::LiveBlock live;
    if (!index_.find(address, live)) return false;
    block = {live.start, live.size, record::index(live.site), true};
    return true;
  }

 private:
  record::LiveIndex index_;
};

}  // namespace holdfast::holders
