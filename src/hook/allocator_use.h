// How much memory the allocator behind the hook holds, by its own account: mallinfo2 of glibc, mallctl of
// jemalloc, MallocExtension of gperftools, each found by dlsym. Ordinary code on a quiet thread.
#pragma once

#include "base/shared.h"
#include "record/allocator_use.h"

namespace holdfast::hook {

// Of the allocator that behind() names. glibc counts by walking its free lists under each arena's lock,
// during which others wait for that arena: when a walk has taken more than a millisecond, there are no
// answers for 50 times as long.
HOLDFAST_SHARED record::AllocatorQuestions allocator_questions() noexcept;

}  // namespace holdfast::hook
