// The memory limit the kernel holds this process to: the least of its control groups', version 1 or 2. Quiet
// thread; allocates; reads a few small files.
#pragma once

#include <cstdint>
#include <string>

namespace holdfast::snapshot {

struct CgroupMemory {
  std::uint64_t limit = 0;        // bytes; 0 where there is none
  std::uint64_t usage = 0;        // of the group whose limit that is, or of the process' own
  std::uint64_t reclaimable = 0;  // of the usage: cached pages of files not lately used
};

// `proc` and `sys` are "/proc/self" and "/sys/fs/cgroup"; others in tests.
CgroupMemory read_cgroup_memory(const std::string& proc = "/proc/self",
                                const std::string& sys = "/sys/fs/cgroup");

}  // namespace holdfast::snapshot
