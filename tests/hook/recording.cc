#include "hook/recording.h"

#include <gtest/gtest.h>

#include "hook/allocator_use.h"
#include "hook/slow_path.h"
#include "snapshot/freeze.h"

namespace holdfast::hook {

Recording::Recording(std::uint64_t interval_bytes) {
  const record::QuietScope quiet;
  EXPECT_EQ(unseen_allocation(), nullptr);
  EXPECT_TRUE(record::g_recorder.prepare());
  install_fork_handlers();
  EXPECT_TRUE(record::g_recorder.start(interval_bytes, 64, behind() == Allocator::glibc));
}

Recording::~Recording() { record::g_recorder.stop(); }

snapshot::Frozen Recording::freeze() const {
  const record::QuietScope quiet;
  auto frozen = snapshot::freeze(record::g_recorder, {});
  EXPECT_TRUE(frozen.ok());
  return frozen ? *frozen : snapshot::Frozen{};
}

snapshot::Frozen Recording::freeze_with_memory() const {
  const record::QuietScope quiet;
  const record::AllocatorQuestions questions = allocator_questions();
  auto frozen = snapshot::freeze(record::g_recorder, {name(behind()), &questions});
  EXPECT_TRUE(frozen.ok());
  return frozen ? *frozen : snapshot::Frozen{};
}

Sum through(const snapshot::Frozen& frozen, const void* function) {
  const record::QuietScope quiet;
  const auto start = reinterpret_cast<std::uintptr_t>(function);
  Sum sum;
  for (const snapshot::FrozenSite& site : frozen.sites) {
    bool passes = false;
    for (const std::uint64_t pc : site.stack) passes = passes || pc - start < kSiteCode;
    if (!passes) continue;
    sum.alloc_samples += site.history.alloc_samples;
    sum.freed_samples += site.history.freed_samples;
    sum.alloc_objects += site.alloc_objects;
    sum.alloc_bytes += site.alloc_bytes;
    sum.inuse_objects += site.inuse_objects;
    sum.inuse_bytes += site.inuse_bytes;
    for (const profile::Cohort& c : site.history.live) sum.variance += c.variance;
  }
  return sum;
}

}  // namespace holdfast::hook
